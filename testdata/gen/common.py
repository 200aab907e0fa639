"""Things shared by the generators: where files go, the tiny AST, its front end.

Paths are relative to this file; large intermediate data goes to the folder
named by AAT_GEN_TMP (default: "gen" in the system's temporary folder).
"""

import os
import pathlib
import tempfile

import numpy as np
import torch

GEN = pathlib.Path(__file__).resolve().parent
TESTDATA = GEN.parent
TMP = pathlib.Path(os.environ.get("AAT_GEN_TMP", pathlib.Path(tempfile.gettempdir()) / "gen"))

SAMPLE_RATE = 16000
NUM_MEL = 128
MAX_FRAMES = 128

KEYWORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
UNKNOWN = "unknown"
DOWNSTREAM_LABELS = KEYWORDS + [UNKNOWN]


def setup_torch(threads: int = 2) -> None:
    """Same numeric settings in every generator."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def ast_config(num_labels: int):
    from transformers import ASTConfig

    return ASTConfig(
        hidden_size=128,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=512,
        hidden_act="gelu",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-6,
        patch_size=16,
        frequency_stride=16,
        time_stride=10,
        max_length=MAX_FRAMES,
        num_mel_bins=NUM_MEL,
        qkv_bias=True,
        num_labels=num_labels,
    )


def new_ast(num_labels: int, seed: int = 0):
    """A tiny ASTForAudioClassification.

    transformers starts the cls and distillation tokens and the position
    embedding at exactly zero. LayerNorm then sees two constant-zero rows and
    the gradient explodes, so they start as normal(0, 0.02) here.
    """
    from transformers import ASTForAudioClassification

    torch.manual_seed(seed)
    model = ASTForAudioClassification(ast_config(num_labels))
    e = model.audio_spectrogram_transformer.embeddings
    with torch.no_grad():
        for p in (e.cls_token, e.distillation_token, e.position_embeddings):
            p.normal_(0.0, 0.02)
    return model


def randomise(model, seed: int = 0) -> None:
    """Perturb every tensor so that no two are equal and none is trivial."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if "layernorm" in name and name.endswith("weight"):
                p.copy_(1.0 + 0.2 * noise)
            elif name.endswith("bias"):
                p.copy_(0.1 * noise)
            elif "token" in name or "position" in name:
                p.copy_(0.5 * noise)
            else:
                p.add_(0.05 * noise)


def count_parameters(module) -> int:
    return sum(p.numel() for p in module.parameters())


def pooled(model, x: torch.Tensor) -> torch.Tensor:
    """(cls + distillation)/2 after the last LayerNorm: what the head reads."""
    return model.audio_spectrogram_transformer(x).pooler_output


def normalise(fbank: np.ndarray, mean: float, std: float) -> np.ndarray:
    """The AST front end's last step (note the factor two)."""
    return (fbank - mean) / (2.0 * std)
