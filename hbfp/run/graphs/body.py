"""A graph whose products are apart from all else: the network's own, or one inside of If, Loop and Scan."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray
from onnx import GraphProto, NodeProto

from hbfp.run.graphs.control import can_enter, evaluate
from hbfp.run.graphs.layers import LayerPlace, holds_products, is_layer
from hbfp.run.graphs.prepare import Shared, prepare
from hbfp.run.graphs.segment import Segment
from hbfp.run.lowering.replacement import Arrays
from sim.graphs.nodes import GraphError, captured, label, reads
from sim.graphs.products import Shapes
from sim.graphs.sizes import check_tensors, known_shapes

__all__ = ["Body", "Compute", "Control", "Seen"]

Compute = Callable[[LayerPlace, list[NDArray[Any]]], NDArray[Any]]
"""The result of a layer, of its inputs."""
Seen = Callable[[LayerPlace, NDArray[Any]], None]
"""Told the result of each layer."""


@dataclass(frozen=True)
class Control:
    """An If, Loop or Scan with layers inside, and its graphs by the attributes that hold them."""

    node: NodeProto
    bodies: "dict[str, Body]"


class Body:
    """A graph ready to run: composite operations taken apart, layers and nodes with layers inside found.

    Parameters
    ----------
    graph
        with the shapes that are known.
    constants
        in sight, those of the graph included.
    shapes
        in sight, by tensor.
    shared
        with all graphs of the network.

    Raises
    ------
    GraphError
        for products that cannot run on a device, unless they may be missing.
    """

    def __init__(self, graph: GraphProto, constants: Arrays, shapes: dict[str, tuple[int, ...]], shared: Shared):
        self.graph, self.shared = graph, shared
        self.constants = dict(constants)
        self.inputs = [value.name for value in graph.input if value.name not in constants]
        self.outputs = [value.name for value in graph.output]
        self.captured = captured(graph)
        self._shapes = dict(shapes)
        self.nodes = prepare(graph, self.constants, self._shapes, shared)
        self.layers: dict[int, LayerPlace] = {}
        self.controls: dict[int, Control] = {}
        self.missing: list[str] = []
        for node in self.nodes:
            self._place(node)

    def _place(self, node: NodeProto) -> None:
        """Take a node for a layer, for one with layers inside, or for neither."""
        if is_layer(node):
            name = node.name or node.output[0]
            self.layers[id(node)] = LayerPlace(name, node, weights=node.input[1] in self.constants)
        elif can_enter(node):
            control = Control(node, {a.name: self._inner(a.g) for a in node.attribute if a.HasField("g")})
            if any(body.layers or body.controls for body in control.bodies.values()):
                self.controls[id(node)] = control
            self.missing += [name for body in control.bodies.values() for name in body.missing]
        elif self._holds_products(node):
            if not self.shared.allow_missing:
                raise GraphError(f"{self.shared.name}: {label(node)}: its products cannot run on a device; "
                                 "--allow-missing leaves them to ONNX Runtime")  # fmt: skip
            self.missing.append(label(node))

    def _holds_products(self, node: NodeProto) -> bool:
        try:
            return holds_products(node, self._known)
        except GraphError:  # in a form that is not known
            if not self.shared.allow_missing:
                raise
            return True

    @cached_property
    def _known(self) -> Shapes:
        return Shapes(self.shared.name, dict(self._shapes), set(self.constants), {}, [])

    def _inner(self, graph: GraphProto) -> "Body":
        """A graph inside of a node, which sees what is around it but for names that it gives itself."""
        own = self.shared.read_constants(graph)
        check_tensors(self.shared.name, known_shapes(graph).values())
        given = {value.name for value in graph.input} | {name for node in graph.node for name in node.output}
        seen = {name: value for name, value in self.constants.items() if name not in given}
        shapes = {name: shape for name, shape in self._shapes.items() if name not in given}
        return Body(graph, seen | own, shapes | known_shapes(graph), self.shared)

    def places(self) -> Iterator[LayerPlace]:
        """All layers, those of inner graphs in the place of the node that they are in."""
        for node in self.nodes:
            if id(node) in self.layers:
                yield self.layers[id(node)]
            elif id(node) in self.controls:
                for body in self.controls[id(node)].bodies.values():
                    yield from body.places()

    def run(self, given: Arrays, around: Arrays, compute: Compute | None = None, seen: Seen | None = None) -> list[Any]:
        """The outputs in order.

        Parameters
        ----------
        given
            inputs by name.
        around
            values that the graphs around have made.
        compute
            layers; without it, ONNX Runtime computes them with all that is between them.
        seen
            is told the result of each layer that ONNX Runtime computes.
        """
        values = {name: around[name] for name in self.captured if name in around} | given
        for step in self._steps if compute else self._steps_without_layers:
            if isinstance(step, LayerPlace):
                assert compute is not None
                given_to_it = [self._value(name, values) for name in step.node.input if name]
                try:
                    values[step.node.output[0]] = compute(step, given_to_it)
                except GraphError as error:
                    raise self.shared.of_file(error) from None
            elif isinstance(step, Control):
                self._enter(step, values, compute, seen)
            else:
                step.run(values)
                for node in step.nodes:
                    if seen and id(node) in self.layers:
                        seen(self.layers[id(node)], values[node.output[0]])
        return [self._value(name, values) for name in self.outputs]

    def _value(self, name: str, values: Arrays) -> Any:
        return values[name] if name in values else self.constants[name]

    def _enter(self, control: Control, values: Arrays, compute: Compute | None, seen: Seen | None) -> None:
        """Put the outputs of a node with layers inside among the values."""

        def enter(attribute: str, inputs: list[Any]) -> list[Any]:
            body = control.bodies[attribute]
            return body.run(dict(zip(body.inputs, inputs, strict=True)), values, compute, seen)

        node = control.node
        inputs = [self._value(name, values) if name else None for name in node.input]
        try:
            results = evaluate(node, inputs, enter)
        except GraphError as error:
            raise self.shared.of_file(error) from None
        values.update({name: result for name, result in zip(node.output, results, strict=False) if name})

    @cached_property
    def _steps(self) -> list[LayerPlace | Control | Segment]:
        """Layers, nodes with layers inside, and segments of everything between them."""
        return self._cut({**self.layers, **self.controls}, [])

    @cached_property
    def _steps_without_layers(self) -> list[LayerPlace | Control | Segment]:
        """The same with all layers in segments, which give their results."""
        return self._cut({**self.controls}, [place.node.output[0] for place in self.layers.values()])

    def _cut(self, apart: dict[int, LayerPlace | Control], also: Iterable[str]) -> list[LayerPlace | Control | Segment]:
        """Some nodes, and segments of everything between them that is needed for the outputs, and others too."""
        steps: list[NodeProto | list[NodeProto]] = []
        waiting: list[NodeProto] = []
        for node in self.nodes:
            if id(node) not in apart:
                waiting.append(node)
                continue
            steps += [waiting, node] if waiting else [node]
            waiting = []
        steps += [waiting] if waiting else []
        needed = {*self.outputs, *also}
        done: list[LayerPlace | Control | Segment] = []
        for step in reversed(steps):
            if isinstance(step, list):
                made = [name for node in step for name in node.output if name in needed]
                needed.update(*(reads(node) for node in step))
                done.append(self._segment(step, made))
            else:
                needed.update(reads(step))
                done.append(apart[id(step)])
        return done[::-1]

    def _segment(self, nodes: list[NodeProto], outputs: list[str]) -> Segment:
        return self.shared.segment(nodes, outputs, self.constants)
