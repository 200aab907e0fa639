package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/draw"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

// drawModel writes the pictures that the options ask for.
func drawModel(m *graphsurgery.Model, blocks []adapterinject.Block, o inspectOptions) error {
	for _, picture := range []struct {
		path string
		draw func(io.Writer, *graphsurgery.Graph, draw.Options) error
	}{{o.svg, draw.SVG}, {o.dot, draw.DOT}} {
		if picture.path == "" {
			continue
		}
		var b bytes.Buffer
		if err := picture.draw(&b, m.Graph, drawOptions(m, blocks)); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(picture.path, b.Bytes(), atomicfile.Options{Force: o.force}); err != nil {
			return err
		}
	}
	return nil
}

// drawOptions puts each block in a box and colours what was injected.
func drawOptions(m *graphsurgery.Model, blocks []adapterinject.Block) draw.Options {
	o := draw.Options{Title: filepath.Base(m.Path()), Class: draw.ByPrefix(adapterinject.Prefix)}
	if types, err := m.Infer(); err == nil {
		o.Type = draw.Types(types)
	}
	for _, b := range blocks {
		end := b.ResidualMLP
		if end == nil {
			end = b.ResidualAttn
		}
		if b.Residual == nil || end == nil {
			continue
		}
		nodes := draw.Region([]*graphsurgery.Value{b.Residual}, []*graphsurgery.Value{end})
		o.Groups = append(o.Groups, draw.Group{Name: fmt.Sprintf("block %d, %s", b.Index, b.Kind), Nodes: nodes})
	}
	return o
}
