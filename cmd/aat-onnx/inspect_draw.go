package main

import (
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/draw"
)

// drawModel writes the pictures that the options ask for: the first block in
// detail, the others as single boxes.
func drawModel(m *graphsurgery.Model, blocks []adapterinject.Block, o inspectOptions) error {
	first := func(i int, _ []*graphsurgery.Node) bool { return i == 0 }
	if o.svg != "" {
		if err := writeDrawing(draw.SVG, o.svg, m.Graph, drawing(m, blocks, filepath.Base(m.Path()), first), o.force, m); err != nil {
			return err
		}
	}
	if o.dot == "" {
		return nil
	}
	return writeDrawing(draw.DOT, o.dot, m.Graph, drawing(m, blocks, filepath.Base(m.Path()), first), o.force, m)
}
