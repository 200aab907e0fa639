package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/draw"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

// drawing shows a model's Transformer blocks as boxes, some of them open, and what
// inject added in colour.
func drawing(m *graphsurgery.Model, blocks []adapterinject.Block, title string, open func(i int, nodes []*graphsurgery.Node) bool) draw.Options {
	o := draw.Options{Title: title, Class: draw.ByPrefix(adapterinject.Prefix)}
	if types, err := m.Infer(); err == nil { // else the types that the file declares
		o.Type = draw.Types(types)
	}
	for i, b := range blocks {
		nodes := blockNodes(b)
		o.Groups = append(o.Groups, draw.Group{
			Name:  fmt.Sprintf("block %d, %s, width %d", b.Index, b.Kind, b.Width),
			Nodes: nodes, Collapsed: !open(i, nodes), Groups: adapterGroups(nodes),
		})
	}
	return o
}

// blockNodes are the nodes of a block: from the residual stream to its last sum
// that is a value of the file.
func blockNodes(b adapterinject.Block) []*graphsurgery.Node {
	for _, end := range []*graphsurgery.Value{b.ResidualMLP, b.ResidualAttn, b.Output} {
		if end != nil && b.Residual != nil {
			return draw.Region([]*graphsurgery.Value{baseStream(b.Residual)}, []*graphsurgery.Value{end})
		}
	}
	return nil
}

// baseStream is the base's value below what inject added to the residual stream.
func baseStream(v *graphsurgery.Value) *graphsurgery.Value {
	for v != nil && v.Producer() != nil && strings.HasPrefix(v.Producer().Name(), adapterinject.Prefix) {
		v = v.Producer().Input(0)
	}
	return v
}

// adapterGroups puts boxes around a block's adapters.
func adapterGroups(nodes []*graphsurgery.Node) []draw.Group {
	var groups []draw.Group
	at := map[string]int{}
	for _, n := range nodes {
		rest, ours := strings.CutPrefix(n.Name(), adapterinject.Prefix)
		parts := strings.Split(rest, "/")
		if !ours || len(parts) < 3 {
			continue
		}
		name := parts[0] + "/" + parts[1]
		i, seen := at[name]
		if !seen {
			i = len(groups)
			at[name] = i
			groups = append(groups, draw.Group{Name: "adapter " + parts[1]})
		}
		groups[i].Nodes = append(groups[i].Nodes, n)
	}
	return groups
}

// writeDrawing writes a picture made by draw.SVG or draw.DOT, whole or not at all,
// and never over one of the inputs.
func writeDrawing(render func(io.Writer, *graphsurgery.Graph, draw.Options) error, path string, g *graphsurgery.Graph, o draw.Options, force bool, inputs ...*graphsurgery.Model) error {
	for _, in := range files(inputs) {
		if atomicfile.SameFile(in, path) {
			return usage("the output "+path+" is the input file", "give the drawing another name")
		}
	}
	var picture bytes.Buffer
	if err := render(&picture, g, o); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, picture.Bytes(), atomicfile.Options{Force: force})
}

// files lists the files that models were read from, with those of their values.
func files(models []*graphsurgery.Model) []string {
	var list []string
	for _, m := range models {
		list = append(list, m.Path())
		for _, name := range m.ExternalFiles() {
			list = append(list, filepath.Join(filepath.Dir(m.Path()), name))
		}
	}
	return list
}
