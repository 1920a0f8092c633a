# Ref: ONNX operator schemas: LSTM, GRU, RNN (onnx.ai/onnx/operators), equations with the default activations.
"""Recurrent operations, step by step: the inputs of all steps in one product, the state in one a step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hbfp.run.lowering.replacement import Lowering
from sim.graphs.nodes import GraphError, attributes, label

__all__ = ["RECURRENT"]


@dataclass(frozen=True)
class _Direction:
    """What the steps of one direction share.

    Attributes
    ----------
    title
        of its products' names.
    hidden
        elements of a state.
    r, r_parts
        names of the recurrent weights, and of each gate's where a cell multiplies gate by gate.
    rb
        recurrent bias, float32 (gates * hidden,).
    """

    title: str
    hidden: int
    r: str
    r_parts: list[str]
    rb: NDArray[np.float32]
    linear_before_reset: bool


Cell = Callable[[Lowering, str, list[str], _Direction, int], list[str]]
"""States after a step: of the input's share of the gates, the states before it, the direction, and the step's number."""


def _steps(at: Lowering, gates: int, states: int, cell: Cell) -> None:
    """Both directions of a recurrent operation whose state goes on by ``cell``."""
    values, node = attributes(at.node), at.node
    limits = {name for name in ("activations", "clip", "input_forget", "activation_alpha", "activation_beta") if values.get(name)}
    if limits or values.get("layout", 0) or at.given(4) or (gates == 4 and at.given(7)):
        raise GraphError(f"{label(node)}: runs on a device with the default activations and layout, without peepholes, "
                         "clipping and lengths")  # fmt: skip
    w, r = at.weights(1), at.weights(2)
    hidden = r.shape[2]
    steps, batch, _ = at.size(node.input[0])
    bias = at.weights(3) if at.given(3) else np.zeros((len(w), 2 * gates * hidden), np.float32)
    names = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    directions = names[values.get("direction", b"forward").decode()]
    ys: list[str] = []
    ends: list[list[str]] = [[] for _ in range(states)]
    for d, backwards in enumerate(directions):
        whole = at.constant(r[d].T)
        parts = [at.constant(r[d, g * hidden : (g + 1) * hidden].T) for g in range(gates)] if gates == 3 else []
        title = f" {d + 1}" if len(directions) > 1 else ""
        own = _Direction(title, hidden, whole, parts, bias[d, gates * hidden :], bool(values.get("linear_before_reset", 0)))
        x = at.product(node.input[0], at.constant(w[d].T), title)
        x = at.make("Add", [x, at.constant(bias[d, : gates * hidden])])
        states_now = [_initial(at, 5 + s, d, (batch, hidden)) for s in range(states)]
        outputs = []
        for turn in range(steps):
            place = steps - 1 - turn if backwards else turn
            now = at.make("Gather", [x, at.constant(np.int64(place))], axis=0)
            states_now = cell(at, now, states_now, own, turn)
            outputs.append(at.make("Unsqueeze", [states_now[0], at.constant(np.array([0, 1], np.int64))]))
        ys.append(at.make("Concat", outputs[::-1] if backwards else outputs, axis=0))
        for end, state in zip(ends, states_now, strict=True):
            end.append(at.make("Unsqueeze", [state, at.constant(np.array([0], np.int64))]))
    results = [(ys, 1), *((end, 0) for end in ends)]
    for name, (pieces, axis) in zip(node.output, results, strict=False):
        if name:
            at.make("Concat", pieces, name, axis=axis)


def _initial(at: Lowering, index: int, direction: int, shape: tuple[int, int]) -> str:
    """The state before the first step: the one given, or zeros."""
    if at.given(index):
        return at.make("Gather", [at.given(index), at.constant(np.int64(direction))], axis=0)
    return at.constant(np.zeros(shape, np.float32))


def _lstm(at: Lowering) -> None:
    def cell(at: Lowering, now: str, states: list[str], own: _Direction, turn: int) -> list[str]:
        h, c = states
        product = at.make("Add", [at.product(h, own.r, f"{own.title} ({turn + 1})"), at.constant(own.rb)])
        i, o, f, g = at.split(at.make("Add", [now, product]), 4)
        i, o, f = (at.make("Sigmoid", [gate]) for gate in (i, o, f))
        c = at.make("Add", [at.make("Mul", [f, c]), at.make("Mul", [i, at.make("Tanh", [g])])])
        return [at.make("Mul", [o, at.make("Tanh", [c])]), c]

    _steps(at, 4, 2, cell)


def _rnn(at: Lowering) -> None:
    def cell(at: Lowering, now: str, states: list[str], own: _Direction, turn: int) -> list[str]:
        product = at.make("Add", [at.product(states[0], own.r, f"{own.title} ({turn + 1})"), at.constant(own.rb)])
        return [at.make("Tanh", [at.make("Add", [now, product])])]

    _steps(at, 1, 1, cell)


def _gru(at: Lowering) -> None:
    def cell(at: Lowering, now: str, states: list[str], own: _Direction, turn: int) -> list[str]:
        (h,), hidden = states, own.hidden
        bias = [at.constant(own.rb[g * hidden : (g + 1) * hidden]) for g in range(3)]
        x = at.split(now, 3)

        def gate(g: int, state: str) -> str:
            return at.make("Add", [at.product(state, own.r_parts[g], f"{own.title} ({turn + 1}.{g + 1})"), bias[g]])

        z, r = (at.make("Sigmoid", [at.make("Add", [x[g], gate(g, h)])]) for g in (0, 1))
        if own.linear_before_reset:
            inner = at.make("Mul", [r, gate(2, h)])
        else:
            inner = gate(2, at.make("Mul", [r, h]))
        n = at.make("Tanh", [at.make("Add", [x[2], inner])])
        kept = at.make("Mul", [z, h])
        return [at.make("Add", [at.make("Mul", [at.make("Sub", [at.constant(np.float32(1)), z]), n]), kept])]

    _steps(at, 3, 1, cell)


RECURRENT = {("", "LSTM"): _lstm, ("", "GRU"): _gru, ("", "RNN"): _rnn}
