package graphsurgery

import (
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// NewModel gives a model whose graph is empty, for a [Patch] to build in. It imports
// that version of ai.onnx, and has the IR version of the ONNX release that brought
// it, or the newest where no release known here did.
func NewModel(opset int64) *Model {
	ir, ok := opschema.MinIR("", opset)
	if !ok {
		ir = opschema.LatestIR()
	}
	p := &pb.ModelProto{
		IrVersion:   &ir,
		OpsetImport: []*pb.OperatorSetIdProto{{Domain: new(""), Version: &opset}},
		Graph:       &pb.GraphProto{Name: new("graph")},
	}
	m := &Model{pb: p}
	m.Graph = &Graph{model: m, pb: p.Graph}
	if err := m.reindex(); err != nil {
		panic("graphsurgery: an empty model does not index: " + err.Error())
	}
	return m
}
