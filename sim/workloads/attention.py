# Ref: A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017, table 3 (base model).
# Ref: J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019, section 3.
# Ref: A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, table 2.
# Ref: H. Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, table 2.
"""Transformers, layer by layer. Attention is dense: a causal mask saves no products."""

from sim.workloads.layer import Layer, Workload

__all__ = ["bert_base", "gpt2_small", "llama_7b", "transformer_base"]


class _Blocks:
    """Layers in order, for ``batch`` sequences of vectors of ``width`` elements."""

    def __init__(self, batch: int, width: int, heads: int, *, biases: bool = True):
        self.batch = batch
        self.width = width
        self.heads = heads
        self.biases = biases
        self.layers: list[Layer] = []
        self.other_parameters = 0

    def linear(self, name: str, inputs: int, outputs: int, positions: int, **flags: bool) -> None:
        """Append a linear layer over ``positions`` vectors of each sequence."""
        self.layers.append(Layer(name, "linear", self.batch * positions, inputs, outputs, window=None, **flags))
        self.other_parameters += outputs if self.biases else 0

    def attention(self, name: str, queries: int, keys: int, *, memory: bool = False, first: bool = False) -> None:
        """Append multi-head attention of ``queries`` positions over ``keys`` positions.

        Of those keys and values, all are projected if they come from another sequence (``memory``), else one for each
        query: the others are in a cache.
        """
        width, head = self.width, self.width // self.heads
        projected = keys if memory else queries
        for projection, positions in (("query", queries), ("key", projected), ("value", projected)):
            self.linear(f"{name}.{projection}", width, width, positions, first=first)
        repeats = self.batch * self.heads
        self.layers.append(Layer(f"{name}.scores", "attention", queries, head, keys, repeats))
        self.layers.append(Layer(f"{name}.context", "attention", queries, keys, head, repeats))
        self.linear(f"{name}.output", width, width, queries)

    def feed_forward(self, name: str, hidden: int, positions: int) -> None:
        """Append two linear layers around a nonlinearity."""
        self.linear(f"{name}.up", self.width, hidden, positions)
        self.linear(f"{name}.down", hidden, self.width, positions)

    def normalise(self, count: int = 1, *, bias: bool = True) -> None:
        """Count layer normalisations: a gain and, unless left out, a bias per element."""
        self.other_parameters += count * self.width * (2 if bias else 1)

    def embed(self, *vocabularies: int) -> None:
        """Count embedding tables; looking up is no product."""
        self.other_parameters += sum(vocabularies) * self.width

    def workload(self, name: str) -> Workload:
        return Workload(name, tuple(self.layers), self.batch, self.other_parameters)


def _keys(sequence: int, context: int | None) -> int:
    if context is None:
        return sequence
    if context < sequence:
        raise ValueError(f"context must be at least the sequence of {sequence}, not {context}")
    return context


def transformer_base(
    batch: int = 1, sequence: int = 128, target: int | None = None, vocabulary: int = 37000
) -> Workload:
    """Encoder and decoder of six layers for translation, with one embedding for source, target and output.

    ``sequence`` is the source's length, ``target`` the target's (default: the same).
    """
    target = sequence if target is None else target
    blocks = _Blocks(batch, width=512, heads=8)
    blocks.embed(vocabulary)
    for layer in range(6):
        blocks.attention(f"encoder{layer}.self", sequence, sequence, first=layer == 0)
        blocks.feed_forward(f"encoder{layer}", 2048, sequence)
        blocks.normalise(2)
    for layer in range(6):
        blocks.attention(f"decoder{layer}.self", target, target, first=layer == 0)
        blocks.attention(f"decoder{layer}.cross", target, sequence, memory=True)
        blocks.feed_forward(f"decoder{layer}", 2048, target)
        blocks.normalise(3)
    blocks.layers.append(Layer("output", "linear", batch * target, 512, vocabulary, tied=True, last=True))
    return blocks.workload("transformer-base")


def bert_base(batch: int = 1, sequence: int = 128, context: int | None = None) -> Workload:
    """Encoder of twelve layers with its pooler; the heads of pre-training and of tasks are left out."""
    keys = _keys(sequence, context)
    blocks = _Blocks(batch, width=768, heads=12)
    blocks.embed(30522, 512, 2)
    blocks.normalise()
    for layer in range(12):
        blocks.attention(f"encoder{layer}.self", sequence, keys, first=layer == 0)
        blocks.feed_forward(f"encoder{layer}", 3072, sequence)
        blocks.normalise(2)
    blocks.linear("pooler", 768, 768, 1, last=True)
    return blocks.workload("bert-base")


def gpt2_small(batch: int = 1, sequence: int = 1024, context: int | None = None) -> Workload:
    """Decoder of twelve layers; the output projection shares the token embedding."""
    keys = _keys(sequence, context)
    blocks = _Blocks(batch, width=768, heads=12)
    blocks.embed(50257, 1024)
    for layer in range(12):
        blocks.attention(f"decoder{layer}.self", sequence, keys, first=layer == 0)
        blocks.feed_forward(f"decoder{layer}", 3072, sequence)
        blocks.normalise(2)
    blocks.normalise()
    blocks.layers.append(Layer("output", "linear", batch * sequence, 768, 50257, tied=True, last=True))
    return blocks.workload("gpt2-small")


def llama_7b(batch: int = 1, sequence: int = 2048, context: int | None = None) -> Workload:
    """Decoder of 32 layers with gated feed-forward layers, no biases and its own output projection."""
    keys = _keys(sequence, context)
    blocks = _Blocks(batch, width=4096, heads=32, biases=False)
    blocks.embed(32000)
    for layer in range(32):
        name = f"decoder{layer}"
        blocks.attention(f"{name}.self", sequence, keys, first=layer == 0)
        blocks.linear(f"{name}.gate", 4096, 11008, sequence)
        blocks.feed_forward(name, 11008, sequence)
        blocks.normalise(2, bias=False)
    blocks.normalise(bias=False)
    blocks.linear("output", 4096, 32000, sequence, last=True)
    return blocks.workload("llama-7b")
