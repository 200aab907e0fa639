"""Audio encoders of transformers, small."""

import torch
import transformers as T

from spec import FF, HEADS, SMALL, WIDTH, In, Layer, Net, Out, Wrap, family

DEPTH = 2
COMMON = dict(hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, intermediate_size=FF)
SPEECH = dict(
    conv_dim=(16, 16) if SMALL else (32, 32), conv_stride=(5, 4), conv_kernel=(10, 8), num_feat_extract_layers=2,
    num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4, apply_spec_augment=False,
    layerdrop=0.0, vocab_size=11,
)
SAMPLES = 560  # 27 frames


def samples() -> dict:
    return {"input_values": torch.randn(2, SAMPLES)}


LENGTH = {"input_values": {0: "batch", 1: "samples"}}


def split(a, o: str):
    """q, k, v, o of an attention of transformers."""
    return a.q_proj, a.k_proj, a.v_proj, getattr(a, o)


def speech_layer(l, pre_norm: bool, heads=HEADS) -> Layer:
    """The layer that Wav2Vec2 and its kin share."""
    f = l.feed_forward
    residual = (In(l.final_layer_norm), Out(l)) if pre_norm else (In(l.layer_norm), In(l.final_layer_norm))
    return Layer(*split(l.attention, "out_proj"), f.intermediate_dense, f.output_dense,
                 residual, heads, WIDTH, pre_norm)


def speech(cls, config, pre_norm: bool, attn="eager", **extra) -> Net:
    m = cls(config(**COMMON, **{**SPEECH, **extra}, attn_implementation=attn))
    layers = [speech_layer(l, pre_norm) for l in m.encoder.layers]
    return Net(Wrap(m, "input_values"), samples(), layers, length=LENGTH)


@family("wav2vec2", "audio", "post-norm, eager attention")
def _():
    return speech(T.Wav2Vec2Model, T.Wav2Vec2Config, False)


@family("wav2vec2-stable", "audio", "pre-norm, SDPA")
def _():
    return speech(T.Wav2Vec2Model, T.Wav2Vec2Config, True, "sdpa", do_stable_layer_norm=True, feat_extract_norm="layer")


@family("hubert", "audio", "post-norm, SDPA")
def _():
    return speech(T.HubertModel, T.HubertConfig, False, "sdpa")


@family("data2vec-audio", "audio", "post-norm, layered position convolution")
def _():
    return speech(T.Data2VecAudioModel, T.Data2VecAudioConfig, False, num_conv_pos_embeddings=2)


@family("unispeech-sat", "audio", "pre-norm")
def _():
    return speech(T.UniSpeechSatModel, T.UniSpeechSatConfig, True, do_stable_layer_norm=True)


@family("wavlm", "audio", "gated relative position bias, nn.functional.multi_head_attention_forward")
def _():
    return speech(T.WavLMModel, T.WavLMConfig, False)


@family("wavlm-stable", "audio", "the same, pre-norm")
def _():
    return speech(T.WavLMModel, T.WavLMConfig, True, do_stable_layer_norm=True)


@family("sew", "audio", "squeezed sequence")
def _():
    return speech(T.SEWModel, T.SEWConfig, False, squeeze_factor=2)


def conformer_layer(l, heads=HEADS) -> Layer:
    """Attention, then convolution, then the second half-step MLP: that MLP is
    the block's, its residual sum is the last of the layer."""
    a, f = l.self_attn, l.ffn2
    return Layer(a.linear_q, a.linear_k, a.linear_v, a.linear_out, f.intermediate_dense, f.output_dense,
                 (In(l.conv_module), In(l.final_layer_norm)), heads, WIDTH, True,
                 note="a convolution module stands between attention and the MLP; the residual sum adds half of it")


@family("wav2vec2-conformer", "audio", "relative positions of Transformer-XL")
def _():
    m = T.Wav2Vec2ConformerModel(T.Wav2Vec2ConformerConfig(**COMMON, **SPEECH, position_embeddings_type="relative", max_source_positions=64))
    return Net(Wrap(m, "input_values"), samples(), [conformer_layer(l) for l in m.encoder.layers])


@family("wav2vec2-conformer-rotary", "audio", "rotary positions applied before the projections")
def _():
    m = T.Wav2Vec2ConformerModel(T.Wav2Vec2ConformerConfig(**COMMON, **SPEECH, position_embeddings_type="rotary", max_source_positions=64))
    return Net(Wrap(m, "input_values"), samples(), [conformer_layer(l) for l in m.encoder.layers])


@family("wav2vec2-bert", "audio", "relative keys, swish")
def _():
    m = T.Wav2Vec2BertModel(T.Wav2Vec2BertConfig(
        **COMMON, feature_projection_input_dim=40, apply_spec_augment=False, vocab_size=11, layerdrop=0.0,
        conv_depthwise_kernel_size=5))
    return Net(Wrap(m, "input_features"), {"input_features": torch.randn(2, 27, 40)},
               [conformer_layer(l) for l in m.encoder.layers])


@family("parakeet", "audio", "FastConformer: relative shift, batch norm")
def _():
    m = T.ParakeetEncoder(T.ParakeetEncoderConfig(
        **COMMON, num_mel_bins=40, subsampling_conv_channels=16, subsampling_factor=4, layerdrop=0.0,
        attn_implementation="eager", scale_input=False))
    layers = []
    for l in m.layers:
        f = l.feed_forward2
        layers.append(Layer(*split(l.self_attn, "o_proj"), f.linear1, f.linear2,
                            (In(l.norm_conv), In(l.norm_out)), HEADS, WIDTH, True,
                            note="a convolution module stands between attention and the MLP"))
    return Net(Wrap(m, "input_features"), {"input_features": torch.randn(2, 108, 40)}, layers)


def seq2seq_layer(l, heads=HEADS, width=WIDTH) -> Layer:
    """An encoder layer of Whisper and of BART's kin, pre-norm."""
    return Layer(*split(l.self_attn, "out_proj"), l.fc1, l.fc2, (In(l.final_layer_norm), Out(l)), heads, width, True)


def whisper_config(attn):
    return T.WhisperConfig(
        d_model=WIDTH, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=FF, decoder_ffn_dim=FF, num_mel_bins=40, vocab_size=99, max_source_positions=27,
        max_target_positions=30, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        use_cache=False, attn_implementation=attn)


@family("whisper", "audio", "encoder; key projection without bias")
def _():
    m = T.WhisperModel(whisper_config("eager")).encoder
    return Net(Wrap(m, "input_features"), {"input_features": torch.randn(2, 40, 54)},
               [seq2seq_layer(l) for l in m.layers])


@family("whisper-sdpa", "audio", "the same with scaled_dot_product_attention")
def _():
    m = T.WhisperModel(whisper_config("sdpa")).encoder
    return Net(Wrap(m, "input_features"), {"input_features": torch.randn(2, 40, 54)},
               [seq2seq_layer(l) for l in m.layers])


def decoder_layers(l, heads=HEADS, width=WIDTH) -> list[Layer]:
    """A decoder layer is two blocks: self-attention without MLP, then
    cross-attention with the layer's MLP."""
    own = Layer(*split(l.self_attn, "out_proj"), None, None,
                (In(l.encoder_attn_layer_norm), None), heads, width, True, "causal")
    cross = Layer(*split(l.encoder_attn, "out_proj"), l.fc1, l.fc2,
                  (In(l.final_layer_norm), Out(l)), heads, width, True, "cross")
    return [own, cross]


@family("whisper-decoder", "audio", "causal self-attention and cross-attention")
def _():
    m = T.WhisperModel(whisper_config("eager")).decoder
    inputs = {"input_ids": torch.randint(3, 99, (2, 9)), "attention_mask": torch.ones(2, 9, dtype=torch.long),
              "encoder_hidden_states": torch.randn(2, 27, WIDTH)}
    return Net(Wrap(m, *inputs, use_cache=False), inputs, [b for l in m.layers for b in decoder_layers(l)])


@family("speech2text", "audio", "encoder")
def _():
    m = T.Speech2TextModel(T.Speech2TextConfig(
        d_model=WIDTH, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=FF, decoder_ffn_dim=FF, vocab_size=99, input_feat_per_channel=40, conv_channels=32,
        max_source_positions=60, encoder_layerdrop=0.0, attn_implementation="eager")).encoder
    return Net(Wrap(m, "input_features"), {"input_features": torch.randn(2, 108, 40)},
               [seq2seq_layer(l) for l in m.layers])


@family("moonshine", "audio", "encoder; rotary positions on a part of each head")
def _():
    m = T.MoonshineModel(T.MoonshineConfig(
        hidden_size=WIDTH, intermediate_size=FF, encoder_num_hidden_layers=2, decoder_num_hidden_layers=1,
        encoder_num_attention_heads=4, decoder_num_attention_heads=4, vocab_size=99, pad_token_id=0,
        attn_implementation="eager")).encoder
    layers = [Layer(*split(l.self_attn, "o_proj"), l.mlp.fc1, l.mlp.fc2,
                    (In(l.post_attention_layernorm), Out(l)), HEADS, WIDTH, True) for l in m.layers]
    return Net(Wrap(m, "input_values"), {"input_values": torch.randn(2, 4800)}, layers)


@family("speecht5", "audio", "encoder; relative positions, post-norm")
def _():
    m = T.SpeechT5Model(T.SpeechT5Config(
        hidden_size=WIDTH, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=FF, decoder_ffn_dim=FF, vocab_size=99, encoder_layerdrop=0.0,
        encoder_max_relative_position=20)).encoder.wrapped_encoder
    return Net(Wrap(m, "hidden_states"), {"hidden_states": torch.randn(2, 27, WIDTH)},
               [speech_layer(l, False) for l in m.layers])


def patch_layers(layers, width=WIDTH, norm="layernorm_after") -> list[Layer]:
    """The layers that ViT and its kin share in transformers 5."""
    return [Layer(*split(l.attention, "o_proj"), l.mlp.fc1, l.mlp.fc2,
                  (In(getattr(l, norm)), Out(l)), HEADS, width, True) for l in layers]


def ast(attn: str) -> Net:
    m = T.ASTForAudioClassification(T.ASTConfig(
        **COMMON, patch_size=16, frequency_stride=16, time_stride=10, max_length=56, num_mel_bins=48, num_labels=7,
        attn_implementation=attn))
    return Net(Wrap(m, "input_values"), {"input_values": torch.randn(2, 56, 48)},
               patch_layers(m.audio_spectrogram_transformer.layers), optimizer="vit")


@family("ast", "audio", "eager attention")
def _():
    return ast("eager")


@family("ast-sdpa", "audio", "scaled_dot_product_attention")
def _():
    return ast("sdpa")


def window_layers(m, heads, pre_norm: bool | None = True) -> list[Layer]:
    """Blocks of Swin's kin with separate query, key, value modules."""
    out = []
    for stage, h in zip(m.encoder.layers if hasattr(m, "encoder") else m.layers, heads):
        for l in stage.blocks:
            a = l.attention.self
            mid = In(l.layernorm_after) if pre_norm else In(l.intermediate)
            out.append(Layer(a.query, a.key, a.value, l.attention.output.dense, l.intermediate.dense, l.output.dense,
                             (mid, Out(l)), h, a.query.weight.shape[0], pre_norm, "window"))
    return out


def clap(fused: bool) -> Net:
    m = T.ClapAudioModel(T.ClapAudioConfig(
        window_size=4, num_mel_bins=16, spec_size=64, patch_size=4, patch_stride=[4, 4], hidden_size=32 if SMALL else 64,
        depths=[2, 2], num_attention_heads=[2, 4], patch_embeds_hidden_size=16 if SMALL else 32, num_classes=10,
        enable_fusion=fused, enable_patch_fusion=fused, projection_dim=32, num_hidden_layers=2))
    layers = window_layers(m.audio_encoder, [2, 4])
    if fused:
        inputs = {"input_features": torch.randn(2, 4, 256, 16), "is_longer": torch.tensor([[True], [False]])}
    else:
        inputs = {"input_features": torch.randn(2, 1, 256, 16)}
    return Net(Wrap(m, *inputs), inputs, layers, optimizer="swin")


@family("clap", "audio", "HTS-AT without fusion: windows and shifted windows")
def _():
    return clap(False)


@family("clap-fused", "audio", "HTS-AT with feature fusion")
def _():
    return clap(True)
