"""Kinds of operations, read off a program's text, and times of nested events."""

import gzip
import json

import jax
import jax.numpy as jnp
import pytest

from nnarena.suite.profile import operation_kinds, own_times, shares


PROGRAM = """HloModule jit_step

%fused_computation.1 (param_0: f32[4,4], param_1: f32[4,4]) -> f32[4,4] {
  %param_0 = f32[4,4]{1,0} parameter(0)
  %param_1 = f32[4,4]{1,0} parameter(1)
  ROOT %dot.7 = f32[4,4]{1,0} dot(%param_0, %param_1), lhs_contracting_dims={1}
}

%wrapped_tanh_computation (p: f32[4,4]) -> f32[4,4] {
  %p = f32[4,4]{1,0} parameter(0)
  ROOT %tanh.1 = f32[4,4]{1,0} tanh(%p)
}

%fused_computation.2 (a: f32[9,4], b: f32[1,4], i: s32[]) -> f32[9,4] {
  %a = f32[9,4]{1,0} parameter(0)
  %b = f32[1,4]{1,0} parameter(1)
  %i = s32[] parameter(2)
  ROOT %dynamic-update-slice.3 = f32[9,4]{1,0} dynamic-update-slice(%a, %b, %i, %i)
}

ENTRY %main.9 (Arg_0.1: f32[4,4]) -> (f32[4,4], /*index=1*/f32[9,4]) {
  %Arg_0.1 = f32[4,4]{1,0} parameter(0)
  %ynn_fusion = f32[4,4]{1,0} fusion(%Arg_0.1, %Arg_0.1), kind=kCustom, calls=%fused_computation.1
  %wrapped_tanh = f32[4,4]{1,0} fusion(%ynn_fusion), kind=kLoop, calls=%wrapped_tanh_computation
  %stack.2 = f32[9,4]{1,0} fusion(%x, %y, %z), kind=kLoop, calls=%fused_computation.2
  %copy.5 = f32[4,4]{0,1} copy(%wrapped_tanh)
  %while.3 = (s32[], /*index=1*/f32[4,4]{1,0}) while(%tuple.1), condition=%c, body=%b
}
"""  # noqa: E501


def test_the_kind_of_an_operation_is_what_it_consists_of():
    kinds = operation_kinds(PROGRAM)
    wanted = {
        "ynn_fusion": "products",
        "wrapped_tanh": "elementwise",
        "stack.2": "stacking",
        "copy.5": "copying",
        "while.3": "between",
    }
    assert {name: kinds[name] for name in wanted} == wanted


def test_programs_of_today_can_be_read():
    def step(h, x):
        h = jnp.tanh(h @ x)
        return h, h

    def run(h, xs):
        return jax.lax.scan(step, h, xs)

    shapes = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((8, 8), (5, 8, 8)))
    kinds = operation_kinds(jax.jit(run).lower(*shapes).compile().as_text() or "")
    assert {"products", "elementwise", "stacking", "between"} <= set(kinds.values())


def event(name: str, start: float, length: float, thread: int = 1) -> dict:
    return {"ph": "X", "name": name, "ts": start, "dur": length, "tid": thread}


def thread(number: int, name: str) -> dict:
    told = {"ph": "M", "name": "thread_name", "tid": number}
    return {**told, "args": {"name": name}}


EVENTS = [
    thread(1, "tf_XLAEigen/3"),
    thread(2, "python"),
    thread(3, "tf_XLAPjRtCpuClient/4"),
    event("while.3", 0.0, 100.0),
    event("ynn_fusion", 10.0, 30.0),
    event("wrapped_tanh", 40.0, 20.0),
    event("inner", 45.0, 5.0),
    event("copy.5", 100.0, 20.0),
    event("ynn_fusion", 0.0, 500.0, thread=2),
    event("ThunkExecutor::Execute (wait for completion)", 0.0, 900.0, thread=3),
]


def test_an_event_has_the_time_that_is_not_of_those_within_it():
    found = dict(own_times(EVENTS[:1] + EVENTS[3:8]))
    assert found == {
        "while.3": 50.0,
        "ynn_fusion": 30.0,
        "wrapped_tanh": 15.0,
        "inner": 5.0,
        "copy.5": 20.0,
    }


def test_shares_are_of_what_the_program_did_itself(tmp_path):
    file = tmp_path / "trace.json.gz"
    file.write_bytes(gzip.compress(json.dumps({"traceEvents": EVENTS}).encode()))
    found = shares(PROGRAM, file)
    parts = {"products": 30, "elementwise": 15, "copying": 20, "between": 55}
    wanted = {kind: part / 120 for kind, part in parts.items()}
    assert found == pytest.approx({**wanted, "stacking": 0.0})
