package infer

// signals lists spectral operators, windows and random tensors.
func signals() map[string]Rule {
	return map[string]Rule{
		"DFT": dft, "STFT": stft, "MelWeightMatrix": melWeightMatrix,
		"HannWindow": windowFunction, "HammingWindow": windowFunction, "BlackmanWindow": windowFunction,
		"RandomNormal": random, "RandomUniform": random, "RandomNormalLike": randomLike, "RandomUniformLike": randomLike,
		"Bernoulli": randomLike, "Multinomial": multinomial,
	}
}

// scalar gives the one element of input i, or unknown.
func (n *Node) scalar(i int) Expr {
	if list, ok := n.elems(i); ok && len(list) == 1 {
		return list[0]
	}
	return Unknown()
}

// dft transforms one axis: an attribute before opset 20, then an input. The last axis
// holds real and imaginary part; the inverse of a one-sided spectrum is real.
func dft(n *Node) error {
	s := n.shape(0)
	n.set(0, n.dtype(0), nil)
	if s == nil {
		return nil
	}
	at, known := int64(-2), true
	if n.Version < 20 {
		at = n.Int("axis", 1)
	} else if n.in(2) != nil {
		at, known = n.scalar(2).Const()
	}
	if !known {
		n.set(0, n.dtype(0), n.dftAnywhere(s))
		return nil
	}
	a, err := axis(at, len(s))
	if err != nil {
		return err
	}
	if a == len(s)-1 {
		return fail("axis %d is that of real and imaginary part", at)
	}
	out := clone(s)
	if n.in(1) != nil {
		out[a] = n.scalar(1)
	}
	out[len(s)-1] = Const(2)
	if n.Int("onesided", 0) != 0 {
		if n.Int("inverse", 0) == 0 {
			out[a] = Add(Div(out[a], Const(2)), Const(1))
		} else {
			out[len(s)-1] = Const(1)
			if n.in(1) == nil {
				out[a] = scale(Sub(out[a], Const(1)), 2)
			}
		}
	}
	n.set(0, n.dtype(0), out)
	return nil
}

// dftAnywhere is the shape when the axis is not known.
func (n *Node) dftAnywhere(s []Expr) []Expr {
	onesided := n.Int("onesided", 0) != 0
	out := unknowns(len(s))
	if n.in(1) == nil && !onesided {
		out = clone(s)
	}
	if len(out) > 0 {
		out[len(out)-1] = Const(2)
		if onesided && n.Int("inverse", 0) != 0 {
			out[len(out)-1] = Const(1)
		}
	}
	return out
}

// stft gives (batch, frames, bins, 2).
func stft(n *Node) error {
	n.set(0, n.dtype(0), unknowns(4))
	s := n.shape(0)
	length := Unknown()
	if n.in(3) != nil {
		length = n.scalar(3)
	} else if w := n.shape(2); len(w) == 1 {
		length = w[0]
	}
	bins := length
	if n.Int("onesided", 1) != 0 {
		bins = Add(Div(length, Const(2)), Const(1))
	}
	batch, frames := Unknown(), Unknown()
	if len(s) >= 2 {
		batch = s[0]
		frames = Add(Div(Sub(s[1], length), n.scalar(1)), Const(1))
	}
	n.set(0, n.dtype(0), []Expr{batch, frames, bins, Const(2)})
	return nil
}

func melWeightMatrix(n *Node) error {
	kind := int32(n.Int("output_datatype", int64(Float)))
	n.set(0, kind, []Expr{Add(Div(n.scalar(1), Const(2)), Const(1)), n.scalar(0)})
	return nil
}

func windowFunction(n *Node) error {
	n.set(0, int32(n.Int("output_datatype", int64(Float))), []Expr{n.scalar(0)})
	return nil
}

func random(n *Node) error {
	n.set(0, int32(n.Int("dtype", int64(Float))), dims(n.Ints("shape")...))
	return nil
}

// randomLike has the input's type unless dtype is given; that of opset 1 may be none.
func randomLike(n *Node) error {
	n.set(0, int32(n.Int("dtype", int64(n.dtype(0)))), n.shape(0))
	return nil
}

func multinomial(n *Node) error {
	batch := Unknown()
	if s := n.shape(0); len(s) > 0 {
		batch = s[0]
	}
	n.set(0, int32(n.Int("dtype", int64(Int32))), []Expr{batch, Const(n.Int("sample_size", 1))})
	return nil
}
