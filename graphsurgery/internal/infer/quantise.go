package infer

// quantisation lists the conversions to and from integers with a scale.
func quantisation() map[string]Rule {
	return map[string]Rule{"QuantizeLinear": quantizeLinear, "DequantizeLinear": dequantizeLinear, "DynamicQuantizeLinear": dynamicQuantizeLinear}
}

// quantizeLinear gives the zero point's type; else output_dtype (opset 21), else uint8.
func quantizeLinear(n *Node) error {
	kind := n.dtype(2)
	if n.in(2) == nil {
		kind = int32(n.Int("output_dtype", int64(Uint8)))
		if kind == Undefined {
			kind = Uint8
		}
	}
	n.set(0, kind, n.shape(0))
	return nil
}

// dequantizeLinear gives the scale's type, or output_dtype (opset 23); before opset 19
// that is float.
func dequantizeLinear(n *Node) error {
	kind := int32(n.Int("output_dtype", int64(n.dtype(1))))
	if n.Domain == "" && n.Version < 19 {
		kind = Float
	}
	if kind == Undefined {
		kind = n.dtype(1)
	}
	n.set(0, kind, n.shape(0))
	return nil
}

func dynamicQuantizeLinear(n *Node) error {
	n.set(0, Uint8, n.shape(0))
	n.set(1, Float, []Expr{})
	n.set(2, Uint8, []Expr{})
	return nil
}
