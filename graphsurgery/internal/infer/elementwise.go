package infer

import "math"

// elementwise lists the operators that work element by element, with broadcasting.
func elementwise() map[string]Rule {
	rules := map[string]Rule{
		"Add": arithmetic(addElem), "Sub": arithmetic(subElem), "Mul": arithmetic(mulElem), "Div": division,
		"Mod": modulo, "Pow": power, "BitShift": arithmetic(nil),
		"BitwiseAnd": arithmetic(nil), "BitwiseOr": arithmetic(nil), "BitwiseXor": arithmetic(nil),
		"And": logical(func(a, b bool) bool { return a && b }), "Or": logical(func(a, b bool) bool { return a || b }),
		"Xor": logical(func(a, b bool) bool { return a != b }), "Not": not,
		"Equal":          comparison(func(s int) bool { return s == 0 }),
		"Less":           comparison(func(s int) bool { return s < 0 }),
		"LessOrEqual":    comparison(func(s int) bool { return s <= 0 }),
		"Greater":        comparison(func(s int) bool { return s > 0 }),
		"GreaterOrEqual": comparison(func(s int) bool { return s >= 0 }),
		"Max":            variadic(maxElem), "Min": variadic(minElem), "Sum": variadic(addElem), "Mean": variadic(nil),
		"Where": where, "Clip": clip, "PRelu": likeFirst, "Dropout": dropout,
		"IsNaN": toBool, "IsInf": toBool, "Cast": cast, "CastLike": castLike, "BitCast": bitCast,
		"Identity": identity, "StringConcat": arithmetic(nil), "RegexFullMatch": toBool, "CumSum": cumSum, "CumProd": likeFirst,
		"Softmax": alongAxis, "LogSoftmax": alongAxis, "Hardmax": alongAxis, "LpNormalization": alongAxis,
	}
	for _, op := range []string{
		"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Sin", "Sinh", "Tan", "Tanh", "Erf",
		"Sigmoid", "HardSigmoid", "HardSwish", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Gelu", "Mish", "Softplus",
		"Softsign", "ThresholdedRelu", "Shrink", "Swish", "BitwiseNot",
		"MeanVarianceNormalization", "LRN", "InstanceNormalization", "RMSNormalization",
		"Trilu", "ReverseSequence",
	} {
		rules[op] = likeFirst
	}
	for op, f := range map[string]func(Elem) Elem{
		"Floor": floorElem, "Ceil": ceilElem, "Neg": func(e Elem) Elem { return subElem(Int(0), e) },
		"Abs": func(e Elem) Elem { return maxElem(e, subElem(Int(0), e)) }, "Round": onFloat(math.RoundToEven),
		"Sqrt": onFloat(math.Sqrt), "Exp": onFloat(math.Exp), "Log": onFloat(math.Log),
		"Reciprocal": func(e Elem) Elem { return divFloat(Int(1), e) }, "Sign": sign,
	} {
		rules[op] = unary(f)
	}
	return rules
}

// likeFirst is for operators whose output has type and shape of the first input.
func likeFirst(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	return nil
}

// alongAxis keeps the type, too; its axis is the last by default.
func alongAxis(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	if s := n.shape(0); n.Has("axis") && s != nil {
		if _, err := axis(n.Int("axis", -1), len(s)); err != nil && len(s) > 0 {
			if n.Version < 11 { // onnx looks from there on
				err = AsFiner(err)
			}
			return err
		}
	}
	return nil
}

func onFloat(f func(float64) float64) func(Elem) Elem {
	return func(e Elem) Elem {
		if x, ok := e.float(); ok {
			return FloatElem(f(x))
		}
		return unknownElem()
	}
}

func sign(e Elem) Elem {
	for _, s := range []int{-1, 0, 1} {
		if compare(e, Int(0), func(got int) bool { return got == s }).E.Is(1) {
			return Int(int64(s))
		}
	}
	return unknownElem()
}

func unary(f func(Elem) Elem) Rule {
	return func(n *Node) error {
		n.set(0, n.dtype(0), n.shape(0))
		n.mapElems(f)
		return nil
	}
}

// mapElems gives the output the first input's elements after f.
func (n *Node) mapElems(f func(Elem) Elem) {
	v := n.in(0)
	if v == nil || v.Elems == nil {
		return
	}
	out := make([]Elem, len(v.Elems))
	for i, e := range v.Elems {
		out[i] = f(e)
	}
	n.setElems(0, out)
}

// broadcastTo sets output 0 to the broadcast shape of the inputs. Before opset 7 the
// second operand was spread over the first as attributes say.
func (n *Node) broadcastTo(dtype int32, inputs ...int) error {
	if n.Domain == "" && n.Version < 7 {
		n.set(0, dtype, n.shape(inputs[0]))
		return nil
	}
	shapes := make([][]Expr, len(inputs))
	for k, i := range inputs {
		shapes[k] = n.shape(i)
	}
	shape, err := n.Ctx.broadcast(shapes...)
	n.set(0, dtype, shape)
	return err
}

// zip gives output 0 the elements that f makes of the inputs' elements.
func (n *Node) zip(f func(a, b Elem) Elem, i, j int) {
	if f == nil || len(n.Out) == 0 || n.in(i) == nil || n.in(j) == nil || n.in(i).Elems == nil || n.in(j).Elems == nil {
		return
	}
	shape := n.Out[0].Shape
	a, b := n.Ctx.spread(n.in(i), shape), n.Ctx.spread(n.in(j), shape)
	if a == nil || len(a) != len(b) {
		return
	}
	out := make([]Elem, len(a))
	for k := range a {
		out[k] = f(a[k], b[k])
	}
	n.setElems(0, out)
}

func arithmetic(f func(a, b Elem) Elem) Rule {
	return func(n *Node) error {
		kind, err := n.sameType(0, 1)
		if e := n.broadcastTo(kind, 0, 1); e != nil {
			return e
		}
		n.zip(f, 0, 1)
		return err
	}
}

func division(n *Node) error {
	if isFloat(n.dtype(0)) {
		return arithmetic(divFloat)(n)
	}
	return arithmetic(divInt)(n)
}

func modulo(n *Node) error {
	if n.Int("fmod", 0) != 0 {
		return arithmetic(fmodElem)(n)
	}
	return arithmetic(modElem)(n)
}

func power(n *Node) error {
	err := n.broadcastTo(n.dtype(0), 0, 1)
	n.zip(func(a, b Elem) Elem {
		if k, ok := b.Whole().Const(); ok && !b.IsF && k >= 0 && k <= 4 && !a.IsF {
			p := Int(1)
			for range k {
				p = mulElem(p, a)
			}
			return p
		}
		if x, y, ok := floats(a, b); ok {
			return FloatElem(math.Pow(x, y))
		}
		return unknownElem()
	}, 0, 1)
	return err
}

func logical(f func(a, b bool) bool) Rule {
	return func(n *Node) error {
		err := n.broadcastTo(Bool, 0, 1)
		for i := range 2 {
			if d := n.dtype(i); d != Undefined && d != Bool {
				return fail("input %d is of type %s, want bool", i, typeName(d))
			}
		}
		n.zip(func(a, b Elem) Elem {
			x, xok := a.Whole().Const()
			y, yok := b.Whole().Const()
			switch {
			case xok && yok:
				return truth(f(x != 0, y != 0))
			case xok && f(x != 0, true) == f(x != 0, false):
				return truth(f(x != 0, true))
			case yok && f(true, y != 0) == f(false, y != 0):
				return truth(f(true, y != 0))
			}
			return unknownElem()
		}, 0, 1)
		return err
	}
}

func not(n *Node) error {
	n.set(0, Bool, n.shape(0))
	n.mapElems(func(e Elem) Elem { return subElem(Int(1), e) })
	return nil
}

func comparison(holds func(sign int) bool) Rule {
	return func(n *Node) error {
		_, err := n.sameType(0, 1)
		if e := n.broadcastTo(Bool, 0, 1); e != nil {
			return e
		}
		n.zip(func(a, b Elem) Elem { return compare(a, b, holds) }, 0, 1)
		return err
	}
}

func variadic(f func(a, b Elem) Elem) Rule {
	return func(n *Node) error {
		all := make([]int, len(n.In))
		for i := range all {
			all[i] = i
		}
		if len(all) == 0 {
			return fail("it has no input")
		}
		kind, err := n.sameType(all...)
		shapes := make([][]Expr, len(all))
		for i := range all {
			shapes[i] = n.shape(i)
		}
		shape, e := n.Ctx.broadcast(shapes...)
		n.set(0, kind, shape)
		switch {
		case e != nil:
			return e
		case len(all) == 2:
			n.zip(f, 0, 1)
		case len(all) == 1 && f != nil:
			n.mapElems(func(e Elem) Elem { return e })
		}
		return err
	}
}

func where(n *Node) error {
	kind, err := n.sameType(1, 2)
	if e := n.broadcastTo(kind, 0, 1, 2); e != nil {
		return e
	}
	if n.in(0) == nil || n.in(0).Elems == nil {
		return err
	}
	shape := n.Out[0].Shape
	c, a, b := n.Ctx.spread(n.in(0), shape), n.Ctx.spread(n.in(1), shape), n.Ctx.spread(n.in(2), shape)
	if c == nil || a == nil && b == nil {
		return err
	}
	out := make([]Elem, len(c))
	for i, e := range c {
		out[i] = unknownElem()
		switch {
		case e.E.Is(1) && a != nil:
			out[i] = a[i]
		case e.E.Is(0) && b != nil:
			out[i] = b[i]
		}
	}
	n.setElems(0, out)
	return err
}

// clip has its bounds as inputs since opset 11; before, it is for floats only.
func clip(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	if n.in(1) == nil && n.in(2) == nil && !n.Has("min") && !n.Has("max") {
		n.mapElems(func(e Elem) Elem { return e })
		return nil
	}
	lo, hi := Elem{}, Elem{}
	bound := func(i int, e *Elem) bool {
		v := n.in(i)
		if v == nil {
			return true
		}
		if len(v.Elems) == 1 {
			*e = v.Elems[0]
			return true
		}
		return false
	}
	if bound(1, &lo) && bound(2, &hi) && n.Version >= 11 {
		n.mapElems(func(e Elem) Elem {
			if n.in(1) != nil {
				e = maxElem(e, lo)
			}
			if n.in(2) != nil {
				e = minElem(e, hi)
			}
			return e
		})
	}
	_, err := n.sameType(0, 1, 2)
	return err
}

// dropout's mask is boolean since opset 10.
func dropout(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	mask := Bool
	if n.Version < 10 {
		mask = n.dtype(0)
	}
	n.set(1, mask, n.shape(0))
	return nil
}

func toBool(n *Node) error {
	n.set(0, Bool, n.shape(0))
	return nil
}

// cast follows whole numbers into float types and back.
func cast(n *Node) error {
	to := int32(n.Int("to", 0))
	if s := n.Str("to", ""); s != "" { // opset 1 to 5 named it
		to = typeOf(s)
	}
	return castTo(n, to)
}

func castLike(n *Node) error { return castTo(n, n.dtype(1)) }

func castTo(n *Node, to int32) error {
	n.set(0, to, n.shape(0))
	switch {
	case to <= Undefined || int(to) >= len(typeNames):
		if n.Op == "Cast" {
			return fail("attribute to is %d, which is no element type", to)
		}
	case to == Bool:
		n.mapElems(func(e Elem) Elem { return compare(e, Int(0), func(s int) bool { return s != 0 }) })
	case isFloat(to):
		n.mapElems(func(e Elem) Elem { return e })
	case to == Int64 || to == Int32:
		n.mapElems(truncElem)
	case isInteger(to):
		n.mapElems(func(e Elem) Elem {
			if t := truncElem(e); t.E.AtLeast(0) {
				if c, ok := t.E.Const(); ok && c < 128 {
					return t
				}
			}
			return unknownElem()
		})
	}
	return nil
}

// typeOf gives the element type that the old attribute form names, as FLOAT.
func typeOf(name string) int32 {
	switch name {
	case "FLOAT":
		return Float
	case "UINT8":
		return Uint8
	case "INT8":
		return Int8
	case "UINT16":
		return Uint16
	case "INT16":
		return Int16
	case "INT32":
		return Int32
	case "INT64":
		return Int64
	case "STRING":
		return String
	case "BOOL":
		return Bool
	case "FLOAT16":
		return Float16
	case "DOUBLE":
		return Double
	case "UINT32":
		return Uint32
	case "UINT64":
		return Uint64
	}
	return Undefined
}

func bitCast(n *Node) error {
	n.set(0, int32(n.Int("to", 0)), n.shape(0))
	return nil
}

func identity(n *Node) error {
	if v := n.in(0); v != nil && len(n.Out) > 0 {
		n.Out[0] = *v
	}
	return nil
}

// cumSum adds up a vector's elements.
func cumSum(n *Node) error {
	n.set(0, n.dtype(0), n.shape(0))
	v := n.in(0)
	if v == nil || v.Elems == nil || len(v.Shape) != 1 || n.Int("exclusive", 0) != 0 || n.Int("reverse", 0) != 0 {
		return nil
	}
	out, sum := make([]Elem, len(v.Elems)), Int(0)
	for i, e := range v.Elems {
		sum = addElem(sum, e)
		out[i] = sum
	}
	n.setElems(0, out)
	return nil
}
