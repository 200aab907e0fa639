package conformance

import (
	"slices"
	"strings"
)

// reason says why tests are refused: those of an operator, or those whose refusal
// holds a text, or both. Several operators are separated by "|".
type reason struct{ op, text, why string }

// reasons names what stays out. A row's operator is that of the refusal or that
// of the folder.
var reasons = []reason{
	{"Bernoulli", "", "its result is random, and differs from runtime to runtime"},
	{"RandomUniformLike", "", "its result is random, and differs from runtime to runtime"},
	{"Dropout", "training_mode", "what it drops is random; a model to be trained says where it drops by its nodes, not by data"},
	{"ImageDecoder", "", "it reads JPEG, PNG and other files; that is a data reader's work, not a graph's"},
	{"StringConcat", "", "text is not computed on a device"},
	{"StringNormalizer", "", "text is not computed on a device"},
	{"StringSplit", "", "text is not computed on a device"},
	{"RegexFullMatch", "", "text is not computed on a device"},
	{"", "type string", "text is not computed on a device"},
	{"ai.onnx.ml.ArrayFeatureExtractor", "", "classical machine learning, of another domain"},
	{"ai.onnx.ml.Binarizer", "", "classical machine learning, of another domain"},
	{"ai.onnx.ml.LabelEncoder", "", "classical machine learning, of another domain"},
	{"ai.onnx.ml.TreeEnsemble", "", "classical machine learning, of another domain"},
	{"ai.onnx.preview.training.Adagrad", "", "an optimiser; package finetune trains, a model does not"},
	{"ai.onnx.preview.training.Adam", "", "an optimiser; package finetune trains, a model does not"},
	{"ai.onnx.preview.training.Momentum", "", "an optimiser; package finetune trains, a model does not"},
	{"ai.onnx.preview.training.Gradient", "", "GoMLX differentiates the graph instead"},
	{"ai.onnx.preview.FlexAttention", "", "a preview whose scores are functions in attributes; no exporter writes it"},
	{"", "on the pure Go backend", "GoMLX's Go backend multiplies half precision wrongly when it is built with SIMD"},
}

// Reason gives why a test may be refused; "" means that it must not be.
func Reason(r Result) string {
	for _, x := range reasons {
		ops := strings.Split(x.op, "|")
		if (x.op == "" || slices.Contains(ops, r.Refuser) || slices.Contains(ops, r.Op)) && strings.Contains(r.Error, x.text) {
			return x.why
		}
	}
	return ""
}
