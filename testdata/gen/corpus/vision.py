"""Vision encoders of transformers, timm and torchvision, small."""

import torch
import transformers as T

from audio import COMMON, patch_layers, split, window_layers
from spec import FF, HEADS, SMALL, WIDTH, In, Layer, Net, Out, Wrap, family


def image(size=32) -> dict:
    return {"pixel_values": torch.randn(2, 3, size, size)}


def patches(cls, config, attn="eager", get=lambda m: m.layers, **extra) -> Net:
    m = cls(config(**{**COMMON, "image_size": 32, "patch_size": 8, **extra}, attn_implementation=attn))
    return Net(Wrap(m, "pixel_values"), image(), patch_layers(get(m)), optimizer="vit")


@family("vit", "vision", "eager attention")
def _():
    return patches(T.ViTModel, T.ViTConfig)


@family("deit", "vision", "SDPA")
def _():
    return patches(T.DeiTModel, T.DeiTConfig, "sdpa")


@family("beit", "vision", "relative position bias, layer scale, key without bias")
def _():
    return patches(T.BeitModel, T.BeitConfig, "eager", use_relative_position_bias=True, layer_scale_init_value=0.1)


@family("dinov2", "vision", "layer scale")
def _():
    extra = {k: COMMON[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    m = T.Dinov2Model(T.Dinov2Config(**extra, mlp_ratio=2, image_size=28, patch_size=7, attn_implementation="sdpa"))
    return Net(Wrap(m, "pixel_values"), image(28), patch_layers(m.encoder.layer, norm="norm2"), optimizer="vit")


@family("siglip", "vision", "encoder without pooling head, tanh GELU")
def _():
    m = T.SiglipVisionModel(T.SiglipVisionConfig(
        **COMMON, image_size=32, patch_size=8, vision_use_head=False, attn_implementation="eager"))
    layers = [Layer(*split(l.self_attn, "out_proj"), l.mlp.fc1, l.mlp.fc2,
                    (In(l.layer_norm2), Out(l)), HEADS, WIDTH, True) for l in m.encoder.layers]
    return Net(Wrap(m, "pixel_values"), image(), layers, optimizer="vit")


EMBED = 16 if SMALL else 32
SWIN = dict(image_size=32, patch_size=2, embed_dim=EMBED, depths=[2, 2], num_heads=[2, 4], window_size=4)


@family("swin", "vision", "windows and shifted windows")
def _():
    m = T.SwinModel(T.SwinConfig(**SWIN))
    layers = []
    for stage, h in zip(m.encoder.layers, SWIN["num_heads"]):
        for l in stage.blocks:
            layers.append(Layer(*split(l.attention, "o_proj"), l.mlp.fc1, l.mlp.fc2, (In(l.layernorm_after), Out(l)),
                                h, l.attention.q_proj.weight.shape[0], True, "window"))
    return Net(Wrap(m, "pixel_values"), image(), layers, optimizer="swin")


@family("swinv2", "vision", "cosine attention; the norm stands between projection and residual sum")
def _():
    m = T.Swinv2Model(T.Swinv2Config(**SWIN))
    return Net(Wrap(m, "pixel_values"), image(), window_layers(m, SWIN["num_heads"], None), optimizer="swin")


# torchvision


@family("torchvision-vit", "vision", "nn.MultiheadAttention, batch first")
def _():
    from torchvision.models.vision_transformer import VisionTransformer

    m = VisionTransformer(32, 8, 2, HEADS, WIDTH, FF, num_classes=7)
    layers = []
    for l in m.encoder.layers:
        a, mlp = l.self_attention, l.mlp
        layers.append(Layer(a.in_proj_weight, a.in_proj_weight, a.in_proj_weight, a.out_proj, mlp[0], mlp[3],
                            (In(l.ln_2), Out(l)), HEADS, WIDTH, True))
    return Net(m, image(), layers, optimizer="vit")


def torchvision_swin(v2: bool) -> Net:
    from torchvision.models import swin_transformer as S

    extra = dict(block=S.SwinTransformerBlockV2, downsample_layer=S.PatchMergingV2) if v2 else {}
    m = S.SwinTransformer([2, 2], EMBED, [2, 2], [2, 4], [4, 4], num_classes=7, **extra)
    layers = []
    for l in [b for b in m.modules() if isinstance(b, S.SwinTransformerBlock)]:
        a, mlp = l.attn, l.mlp
        layers.append(Layer(a.qkv, a.qkv, a.qkv, a.proj, mlp[0], mlp[3],
                            (In(mlp) if v2 else In(l.norm2), Out(l)), a.num_heads, a.proj.weight.shape[0],
                            None if v2 else True, "window"))
    return Net(m, image(), layers, optimizer="swin")


@family("torchvision-swin", "vision", "packed qkv; the shift mask is computed in the graph")
def _():
    return torchvision_swin(False)


@family("torchvision-swinv2", "vision", "cosine attention, norm after the branch")
def _():
    return torchvision_swin(True)


@family("torchvision-maxvit", "vision", "window and grid attention between convolutions")
def _():
    from torchvision.models.maxvit import MaxVit

    m = MaxVit((32, 32), 16, 4, [32, 48], [1, 1], 16, 0.0, num_classes=7)
    layers = []
    for l in [x for x in m.modules() if type(x).__name__ == "PartitionAttentionLayer"]:
        a, mlp = l.attn_layer[1], l.mlp_layer
        w = a.to_qkv
        layers.append(Layer(w, w, w, a.merge, mlp[1], mlp[3], (In(mlp), In(l.departition_swap)),
                            a.n_heads, a.merge.weight.shape[0], True, "window"))
    return Net(m, image(), layers, optimizer="swin")


# timm


def timm_layer(l, width=WIDTH, heads=None, residual=None, kind="self", pre_norm=True) -> Layer:
    a = l.attn
    fc1 = l.mlp.fc1_g if hasattr(l.mlp, "fc1_g") else l.mlp.fc1
    return Layer(a.qkv, a.qkv, a.qkv, a.proj, fc1, l.mlp.fc2, residual or (In(l.norm2), Out(l)),
                 heads or a.num_heads, width, pre_norm, kind)


def timm_vit(**extra) -> Net:
    from timm.models.vision_transformer import VisionTransformer

    m = VisionTransformer(32, 8, embed_dim=WIDTH, depth=2, num_heads=HEADS, mlp_ratio=FF / WIDTH, num_classes=7, **extra)
    return Net(m, image(), [timm_layer(l) for l in m.blocks], optimizer="vit")


@family("timm-vit", "vision", "packed qkv, SDPA")
def _():
    return timm_vit()


@family("timm-vit-manual", "vision", "packed qkv, softmax written out")
def _():
    net = timm_vit()
    for l in net.module.blocks:
        l.attn.fused_attn = False
    return net


@family("timm-vit-layerscale", "vision", "layer scale, no class token, mean pooling")
def _():
    return timm_vit(init_values=0.1, class_token=False, global_pool="avg")


@family("timm-vit-qknorm", "vision", "norms on queries and keys")
def _():
    return timm_vit(qk_norm=True)


@family("timm-vit-swiglu", "vision", "gated MLP in two linear layers")
def _():
    from timm.layers import SwiGLU

    return timm_vit(mlp_layer=SwiGLU)


@family("timm-vit-swiglu-packed", "vision", "gated MLP in one linear layer")
def _():
    from timm.layers import SwiGLUPacked

    return timm_vit(mlp_layer=SwiGLUPacked)


@family("timm-vit-respost", "vision", "norm between branch and residual sum")
def _():
    from timm.models.vision_transformer import ResPostBlock

    net = timm_vit(block_fn=ResPostBlock)
    net.layers = [timm_layer(l, residual=(In(l.mlp), Out(l)), pre_norm=None) for l in net.module.blocks]
    return net


@family("timm-eva", "vision", "rotary positions, packed qkv without key bias, SwiGLU")
def _():
    from timm.models.eva import Eva

    m = Eva(32, 8, embed_dim=WIDTH, depth=2, num_heads=2, mlp_ratio=FF / WIDTH, num_classes=7, swiglu_mlp=True,
            use_rot_pos_emb=True, qkv_fused=True)
    for l in m.blocks:
        l.attn.fused_attn = False  # the TorchScript exporter fails on its call of scaled_dot_product_attention
    return Net(m, image(), [timm_layer(l) for l in m.blocks], optimizer="vit")


@family("timm-beit", "vision", "relative position bias; gamma on the branches")
def _():
    from timm.models.beit import Beit

    m = Beit(32, 8, embed_dim=WIDTH, depth=2, num_heads=HEADS, mlp_ratio=FF / WIDTH, num_classes=7, init_values=0.1,
             use_rel_pos_bias=True)
    return Net(m, image(), [timm_layer(l) for l in m.blocks], optimizer="vit")


@family("timm-swin", "vision", "windows, packed qkv, mask as buffer")
def _():
    from timm.models.swin_transformer import SwinTransformer

    m = SwinTransformer(32, 2, embed_dim=EMBED, depths=(2, 2), num_heads=(2, 4), window_size=4, num_classes=7)
    layers = [timm_layer(l, l.dim, kind="window", residual=(In(l.norm2), Out(l.mlp)))
              for s in m.layers for l in s.blocks]
    for l, b in zip(layers, [b for s in m.layers for b in s.blocks]):
        l.residual = (In(b.norm2), Out(b))
    return Net(m, image(), layers, optimizer="swin")


@family("timm-maxvit", "vision", "window and grid attention between convolutions")
def _():
    from timm.models.maxxvit import MaxxVit, MaxxVitCfg, MaxxVitTransformerCfg

    m = MaxxVit(MaxxVitCfg(
        embed_dim=(32, 48), depths=(1, 1), block_type=("M", "M"), stem_width=16,
        transformer_cfg=MaxxVitTransformerCfg(window_size=(4, 4), grid_size=(4, 4), dim_head=16)),
        img_size=32, num_classes=7)
    layers = [timm_layer(l, l.attn.proj.weight.shape[0], kind="window", residual=(In(l.norm2), None))
              for l in m.modules() if type(l).__name__ == "PartitionAttentionCl"]
    owners = [l for l in m.modules() if type(l).__name__ == "PartitionAttentionCl"]
    for l, b in zip(layers, owners):
        l.note = "the MLP's residual sum is read by the departition"
        l.residual = (In(b.norm2), Out(b))
    return Net(m, image(), layers, optimizer="swin")


@family("timm-coatnet", "vision", "attention written with 1x1 convolutions on [batch, channels, height, width]")
def _():
    from timm.models.maxxvit import MaxxVit, MaxxVitCfg, MaxxVitTransformerCfg

    m = MaxxVit(MaxxVitCfg(
        embed_dim=(32, 48), depths=(1, 2), block_type=("C", "T"), stem_width=16,
        transformer_cfg=MaxxVitTransformerCfg(dim_head=12, rel_pos_type="bias")), img_size=32, num_classes=7)
    layers = [timm_layer(l, l.attn.proj.weight.shape[0])
              for l in m.modules() if type(l).__name__ == "TransformerBlock2d"]
    return Net(m, image(), layers, optimizer="vit")


@family("timm-pvt", "vision", "keys and values of a reduced sequence, depthwise convolution in the MLP")
def _():
    from timm.models.pvt_v2 import PyramidVisionTransformerV2

    m = PyramidVisionTransformerV2(embed_dims=(32, 48), depths=(1, 1), num_heads=(2, 4), sr_ratios=(2, 1),
                                   mlp_ratios=(2, 2), num_classes=7)
    layers = []
    for l in [b for b in m.modules() if type(b).__name__ == "Block"]:
        a = l.attn
        layers.append(Layer(a.q, a.kv, a.kv, a.proj, l.mlp.fc1, l.mlp.fc2, (In(l.norm2), Out(l)),
                            a.num_heads, a.proj.weight.shape[0], True))
    return Net(m, image(), layers, optimizer="vit")


@family("timm-cait", "vision", "linear layers across the heads around the softmax")
def _():
    from timm.models.cait import Cait

    m = Cait(32, 8, embed_dim=WIDTH, depth=2, num_heads=HEADS, mlp_ratio=2.0, num_classes=7, depth_token_only=1)
    layers = [timm_layer(l) for l in m.blocks]
    net = Net(m, image(), layers, optimizer="vit")
    for l in m.blocks_token_only:
        a = l.attn
        layers.append(Layer(a.q, a.k, a.v, a.proj, l.mlp.fc1, l.mlp.fc2, (In(l.norm2), Out(l)), HEADS, WIDTH, True,
                            note="the class token reads itself and the patches"))
    return net


@family("timm-mobilevit", "vision", "Transformer blocks inside a convolutional network")
def _():
    import timm

    m = timm.create_model("mobilevit_xxs", num_classes=7)
    stages = [b for b in m.modules() if type(b).__name__ == "MobileVitBlock"]
    layers = [timm_layer(l, l.attn.proj.weight.shape[0]) for s in stages for l in s.transformer]
    return Net(m, image(64), layers, optimizer="vit")
