package infer

// training lists ai.onnx.preview.training.
func training() map[string]Rule {
	return map[string]Rule{
		"Momentum": func(n *Node) error { return optimizer(n, 3, 0, 2) },
		"Adagrad":  func(n *Node) error { return optimizer(n, 3, 0, 2) },
		"Adam":     func(n *Node) error { return optimizer(n, 4, 0, 2, 3) },
		"Gradient": gradients,
	}
}

// optimizer reads rate and step count, then groups of as many tensors; its outputs
// are like those of the groups given.
func optimizer(n *Node, groups int, like ...int) error {
	size := (len(n.In) - 2) / groups
	if size < 1 {
		return fail("%d inputs, want 2 and %d groups", len(n.In), groups)
	}
	for i := range n.Out {
		if g := i / size; g < len(like) {
			k := 2 + like[g]*size + i%size
			n.set(i, n.dtype(k), n.shape(k))
		}
	}
	return nil
}

// gradients gives each output the type of the input at the same place.
func gradients(n *Node) error {
	for i := range n.Out {
		n.set(i, n.dtype(i), n.shape(i))
	}
	return nil
}
