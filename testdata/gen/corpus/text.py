"""Text encoders and decoders of transformers, small."""

import torch
import transformers as T

from audio import COMMON, split
from spec import FF, HEADS, WIDTH, In, Layer, Net, Out, Wrap, family

VOCAB, LENGTH = 99, 13


def tokens(mask=True) -> dict:
    inputs = {"input_ids": torch.randint(3, VOCAB, (2, LENGTH))}
    if mask:
        keep = torch.ones(2, LENGTH, dtype=torch.long)
        keep[1, -3:] = 0
        inputs["attention_mask"] = keep
    return inputs


def lengths(inputs) -> dict:
    return {name: {0: "batch", 1: "length"} for name in inputs}


def bert_layer(l) -> Layer:
    a, out = l.attention.self, l.attention.output
    return Layer(a.query, a.key, a.value, out.dense, l.intermediate.dense, l.output.dense,
                 (In(out.LayerNorm), In(l.output.LayerNorm)), HEADS, WIDTH, False)


def bert_like(cls, config, attn="eager", mask=True, **extra) -> Net:
    m = cls(config(**COMMON, vocab_size=VOCAB, max_position_embeddings=32, attn_implementation=attn, **extra))
    inputs = tokens(mask)
    return Net(Wrap(m, *inputs), inputs, [bert_layer(l) for l in m.encoder.layer], length=lengths(inputs))


@family("bert", "text", "post-norm, padding mask")
def _():
    return bert_like(T.BertModel, T.BertConfig)


@family("bert-sdpa", "text", "SDPA with mask")
def _():
    return bert_like(T.BertModel, T.BertConfig, "sdpa")


@family("roformer", "text", "rotary positions on queries and keys")
def _():
    return bert_like(T.RoFormerModel, T.RoFormerConfig, mask=False)


@family("distilbert", "text", "post-norm")
def _():
    m = T.DistilBertModel(T.DistilBertConfig(dim=WIDTH, n_layers=2, n_heads=HEADS, hidden_dim=FF, vocab_size=VOCAB,
                                             max_position_embeddings=32, attn_implementation="eager"))
    layers = [Layer(l.attention.q_lin, l.attention.k_lin, l.attention.v_lin, l.attention.out_lin, l.ffn.lin1, l.ffn.lin2,
                    (In(l.sa_layer_norm), In(l.output_layer_norm)), HEADS, WIDTH, False) for l in m.transformer.layer]
    return Net(Wrap(m, "input_ids", "attention_mask"), tokens(), layers)


@family("albert", "text", "one set of weights used by every block")
def _():
    m = T.AlbertModel(T.AlbertConfig(**COMMON, embedding_size=32, vocab_size=VOCAB, max_position_embeddings=32,
                                     attn_implementation="eager"))
    l = m.encoder.albert_layer_groups[0].albert_layers[0]
    a = l.attention
    layers = [Layer(a.query, a.key, a.value, a.dense, l.ffn, l.ffn_output,
                    (In(a.LayerNorm), In(l.full_layer_layer_norm)), HEADS, WIDTH, False, call=i) for i in range(2)]
    return Net(Wrap(m, "input_ids"), tokens(False), layers)


@family("deberta-v2", "text", "disentangled attention: three score products")
def _():
    m = T.DebertaV2Model(T.DebertaV2Config(
        **COMMON, vocab_size=VOCAB, relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"],
        max_position_embeddings=32))
    layers = []
    for l in m.encoder.layer:
        a, out = l.attention.self, l.attention.output
        layers.append(Layer(a.query_proj, a.key_proj, a.value_proj, out.dense, l.intermediate.dense, l.output.dense,
                            (In(out.LayerNorm), In(l.output.LayerNorm)), HEADS, WIDTH, False))
    inputs = tokens()
    return Net(Wrap(m, *inputs), inputs, layers)


def t5_layer(b) -> Layer:
    a, f = b.layer[0].SelfAttention, b.layer[1].DenseReluDense
    return Layer(a.q, a.k, a.v, a.o, f.wi_0 if hasattr(f, "wi_0") else f.wi, f.wo,
                 (In(b.layer[1].layer_norm), Out(b)), HEADS, WIDTH, True)


def t5(**extra) -> Net:
    m = T.T5EncoderModel(T.T5Config(d_model=WIDTH, d_kv=WIDTH // HEADS, d_ff=FF, num_layers=2, num_heads=HEADS, vocab_size=VOCAB,
                                    **extra))
    inputs = tokens()
    return Net(Wrap(m, *inputs), inputs, [t5_layer(b) for b in m.encoder.block], length=lengths(inputs))


@family("t5", "text", "encoder; no bias, no scale, RMS norm, relative position bias")
def _():
    return t5()


@family("t5-gated", "text", "encoder with gated GELU")
def _():
    return t5(feed_forward_proj="gated-gelu")


@family("gpt2", "text", "causal, packed Conv1D, tanh GELU")
def _():
    m = T.GPT2Model(T.GPT2Config(n_embd=WIDTH, n_layer=2, n_head=HEADS, n_inner=FF, vocab_size=VOCAB, n_positions=32,
                                 bos_token_id=1, eos_token_id=2, use_cache=False, attn_implementation="eager"))
    layers = [Layer(l.attn.c_attn, l.attn.c_attn, l.attn.c_attn, l.attn.c_proj, l.mlp.c_fc, l.mlp.c_proj,
                    (In(l.ln_2), Out(l)), HEADS, WIDTH, True, "causal") for l in m.h]
    inputs = tokens()
    return Net(Wrap(m, *inputs, use_cache=False), inputs, layers, optimizer="gpt2")


@family("llama", "text", "causal, grouped queries, rotary positions, SwiGLU, RMS norm")
def _():
    m = T.LlamaModel(T.LlamaConfig(**COMMON, num_key_value_heads=2, vocab_size=VOCAB, max_position_embeddings=32,
                                   use_cache=False, attn_implementation="eager", bos_token_id=1, eos_token_id=2))
    layers = [Layer(*split(l.self_attn, "o_proj"), l.mlp.gate_proj, l.mlp.down_proj,
                    (In(l.post_attention_layernorm), Out(l)), HEADS, WIDTH, True, "causal") for l in m.layers]
    inputs = tokens()
    return Net(Wrap(m, *inputs, use_cache=False), inputs, layers, optimizer="gpt2")


@family("modernbert", "text", "rotary positions, gated GELU, packed Wqkv, no bias")
def _():
    m = T.ModernBertModel(T.ModernBertConfig(
        **COMMON, vocab_size=VOCAB, max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        cls_token_id=1, sep_token_id=2, global_attn_every_n_layers=1, attn_implementation="eager",
        reference_compile=False))
    layers = []
    for l in m.layers:
        a = l.attn
        layers.append(Layer(a.Wqkv, a.Wqkv, a.Wqkv, a.Wo, l.mlp.Wi, l.mlp.Wo, (In(l.mlp_norm), Out(l)),
                            HEADS, WIDTH, True))
    inputs = tokens()
    return Net(Wrap(m, *inputs), inputs, layers)
