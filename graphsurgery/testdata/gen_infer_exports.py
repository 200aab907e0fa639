"""Writes infer_exports.golden.gz: small real exports with the true type of every value.

    python gen_infer_exports.py WORKDIR infer_exports.golden.gz

Audio and other Transformers of tiny widths with random weights, exported by TorchScript
and dynamo with dynamic axes, some then optimised or quantised by ONNX Runtime, are run
on inputs of other sizes than those they were exported with. Needs torch 2.14.0,
transformers 5.23.0, onnx 1.22.0, onnxruntime 1.32.0, onnxscript.

One line a model, tab-separated: name; the model in base64, its declared types of computed
values removed and its large tensors turned into inputs, since only their shape matters;
the inputs fed as "name=dtype:dim,dim;..."; and for each output of each node of the main
graph in order its true type as in gen_infer.py, "" if it is no tensor.
"""

import base64
import copy
import gzip
import os
import sys
import warnings

import numpy as np
import onnx
import onnxruntime as ort
import torch
import transformers as tf
from gen_infer import strip, true
from onnxruntime.quantization import quantize_dynamic

warnings.filterwarnings("ignore")
ort.set_default_logger_severity(4)


class Call(torch.nn.Module):
    def __init__(self, model, call):
        super().__init__()
        self.model, self.call = model, call

    def forward(self, x):
        return self.call(self.model, x)


class Cut(torch.nn.Module):
    """Padding to a multiple, folding, reversed slices, interpolation, NonZero."""

    def forward(self, x):
        y = torch.nn.functional.pad(x, (0, (8 - x.shape[1] % 8) % 8)).view(x.shape[0], -1, 8)
        y = torch.nn.functional.interpolate(y[:, 1:, ::2].flip(1), scale_factor=2.0)
        return y, torch.arange(x.shape[1] // 2) + torch.nonzero(x > 0)[:1, 0]


class Recurrent(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True)
        self.gru = torch.nn.GRU(32, 8, batch_first=True)

    def forward(self, x):
        return self.gru(self.lstm(x)[0])[0]


@torch.jit.script
def grow(x, n: int):
    for i in range(n):
        if i % 2 == 0:
            x = x + 1
        else:
            x = torch.cat([x, x[:, :1]], 1)
    return x


class Grow(torch.nn.Module):
    def forward(self, x):
        return grow(x, x.shape[0])


def speech(kind, config):
    c = config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, conv_dim=(16, 16, 16), conv_stride=(5, 2, 2),
               conv_kernel=(10, 3, 2), num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, num_feat_extract_layers=3)
    return Call(kind(c), lambda m, x: m(x).last_hidden_state), torch.randn(2, 1600), {0: "batch", 1: "time"}


def whisper():
    c = tf.WhisperConfig(d_model=32, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=64, decoder_layers=1, decoder_attention_heads=2,
                         decoder_ffn_dim=64, num_mel_bins=20, max_source_positions=50)
    return Call(tf.WhisperModel(c).encoder, lambda m, x: m(x).last_hidden_state), torch.randn(2, 20, 100), {0: "batch"}


def text(kind, config, **more):
    c = config(vocab_size=50, **more)
    return Call(kind(c), lambda m, x: m(x).last_hidden_state), torch.randint(0, 50, (2, 9)), {0: "batch", 1: "seq"}


def swin():
    c = tf.SwinConfig(image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 2], window_size=4, num_channels=3)
    return Call(tf.SwinModel(c), lambda m, x: m(x).last_hidden_state), torch.randn(2, 3, 32, 32), {0: "batch"}


def htsat():
    c = tf.ClapAudioConfig(spec_size=32, patch_size=4, patch_stride=[4, 4], patch_embeds_hidden_size=16, depths=[2, 2], num_attention_heads=[2, 2],
                           window_size=4, num_mel_bins=16, hidden_size=32, num_classes=5, enable_fusion=False, projection_dim=16)
    return Call(tf.ClapAudioModel(c), lambda m, x: m(x, is_longer=None).pooler_output), torch.randn(2, 1, 61, 16), {0: "batch"}


def ast():
    c = tf.ASTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_length=64, num_mel_bins=32, num_labels=5)
    return Call(tf.ASTForAudioClassification(c), lambda m, x: m(x).logits), torch.randn(2, 64, 32), {0: "batch"}


NETS = {
    "ast": ast, "whisper": whisper, "swin": swin, "htsat": htsat,
    "wav2vec2": lambda: speech(tf.Wav2Vec2Model, tf.Wav2Vec2Config),
    "wavlm": lambda: speech(tf.WavLMModel, tf.WavLMConfig),
    "bert": lambda: text(tf.BertModel, tf.BertConfig, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64),
    "t5": lambda: text(tf.T5EncoderModel, tf.T5Config, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2),
    "cut": lambda: (Cut(), torch.randn(2, 37), {0: "batch", 1: "time"}),
    "recurrent": lambda: (Recurrent(), torch.randn(2, 7, 8), {0: "batch", 1: "time"}),
    "grow": lambda: (Grow(), torch.randn(2, 7), {0: "batch", 1: "time"}),
}

# net, exporter and opset, what ONNX Runtime then does
CASES = """ast-ts14 ast-dynamo23 ast-ts17-basic whisper-ts20 whisper-dynamo23 whisper-dynamo18-extended swin-ts17 swin-dynamo18-dynamic
htsat-ts11 htsat-ts17-basic htsat-ts17-extended wav2vec2-ts14 wav2vec2-ts17-dynamic wav2vec2-ts20 wavlm-ts17 wavlm-ts17-extended bert-ts17 bert-dynamo18
bert-ts17-extended t5-dynamo23 t5-ts14 cut-ts11 cut-ts17 cut-dynamo18 recurrent-ts17 recurrent-dynamo23 recurrent-ts17-dynamic grow-ts17""".split()


def export(net, x, dynamic, how, path):
    opset = int(how.lstrip("tsdynamo"))
    with torch.no_grad():
        if how.startswith("ts"):
            torch.onnx.export(net, (x,), path, dynamo=False, opset_version=opset, input_names=["x"], output_names=["out"], dynamic_axes={"x": dynamic})
        else:
            shapes = ({k: torch.export.Dim.DYNAMIC for k in dynamic},)
            torch.onnx.export(net, (x,), path, dynamo=True, opset_version=opset, input_names=["x"], dynamic_shapes=shapes, external_data=False, verbose=False)


def transform(path, how):
    out = path.replace(".onnx", f"-{how}.onnx")
    if how == "dynamic":
        quantize_dynamic(path, out)
        return out
    options = ort.SessionOptions()
    levels = {"basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC, "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED}
    options.graph_optimization_level, options.optimized_model_filepath = levels[how], out
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return out


def run(model, x):
    """Runs on a larger batch and length than were exported, with every value an output."""
    names = [o for n in model.graph.node for o in n.output if o]
    wide = copy.deepcopy(model)
    have = {o.name for o in wide.graph.output}
    wide.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in have)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(wide.SerializeToString(), options, providers=["CPUExecutionProvider"])
    port = model.graph.input[0]
    shape = [n + (1 if k == 0 else 5 if n < 100 else 323) if d.dim_param else n for k, (n, d) in enumerate(zip(x.shape, port.type.tensor_type.shape.dim))]
    x = np.resize(x.numpy(), shape)
    return x, dict(zip(names, session.run(names, {port.name: x})))


def slim(model):
    """Removes what inference has no use for."""
    model = strip(model)
    for p in [model, model.graph, *model.graph.node, *model.functions]:
        p.doc_string = ""
        del p.metadata_props[:]
    keep = []
    listed = {i.name for i in model.graph.input}
    for t in model.graph.initializer:
        if t.ByteSize() < 300:
            keep.append(t)
        elif t.name not in listed:
            model.graph.input.append(onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)))
    del model.graph.initializer[:]
    model.graph.initializer.extend(keep)
    return model


def main(work, target):
    os.makedirs(work, exist_ok=True)
    lines = []
    for case in CASES:
        name, how, *more = case.split("-")
        torch.manual_seed(0)
        net, x, dynamic = NETS[name]()
        path = os.path.join(work, f"{name}-{how}.onnx")
        if not os.path.exists(path):
            export(net.eval(), x, dynamic, how, path)
        if more:
            path = transform(path, more[0])
        model = onnx.load(path)
        x, values = run(model, x)
        data = base64.b64encode(slim(model).SerializeToString(deterministic=True)).decode()
        types = [true(values[o]) for n in model.graph.node for o in n.output if o]
        lines.append("\t".join([case, data, f"{model.graph.input[0].name}={true(x)}", *("" if t == "seq" else t for t in types)]))
        print(case, len(types), "values,", len(data), "bytes", flush=True)
    with open(target, "wb") as f, gzip.GzipFile(filename="", fileobj=f, mode="wb", mtime=0, compresslevel=9) as z:
        z.write(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
