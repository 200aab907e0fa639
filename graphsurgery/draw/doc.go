// Package draw renders a graph as SVG, with a layout of its own, and as DOT for
// Graphviz.
//
//	err := draw.SVG(w, m.Graph, draw.Options{
//		Title:  "adapted.onnx",
//		Class:  draw.ByPrefix("aat/"),
//		Groups: []draw.Group{{Name: "block 0", Nodes: nodes, Collapsed: true}},
//	})
//
// Data flows from the top to the bottom. Initialisers and constants are lines in
// the boxes of the nodes that read them. The SVG needs nothing from outside the
// file; a browser shows the whole text of a node when the mouse rests on it. The
// same graph gives the same picture, byte by byte.
package draw
