package adapterinject

import (
	"math"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
)

// rolesOf notes the inputs of nodes that linear layers and norms, as they were
// recognised, have as weight, bias, gain and offset.
func (f *facts) rolesOf() map[gs.Use]ParameterRole {
	role := map[gs.Use]ParameterRole{}
	note := func(n *gs.Node, v *gs.Value, r ParameterRole) {
		for i, in := range n.Inputs() {
			if in != nil && in == v {
				role[gs.Use{Node: n, Input: i}] = r
			}
		}
	}
	for _, l := range f.linears {
		note(l.node, l.weight, RoleWeight)
		note(l.node, l.bias, RoleBias)
		if n := l.out.Producer(); n != nil && n != l.node {
			note(n, l.bias, RoleBias)
		}
	}
	for _, m := range f.norms {
		for _, n := range m.Nodes {
			note(n, m.Gain, RoleGain)
			note(n, m.Bias, RoleOffset)
		}
	}
	return role
}

// operatorRoles are the roles of inputs by operator, for those that are neither a
// recognised linear layer nor a norm. Inputs 3 and 4 of BatchNormalization are
// statistics.
func operatorRoles() map[string]map[int]ParameterRole {
	return map[string]map[int]ParameterRole{
		"Conv":                                  {1: RoleWeight, 2: RoleBias},
		"com.microsoft::FusedConv":              {1: RoleWeight, 2: RoleBias},
		"ConvTranspose":                         {1: RoleWeight, 2: RoleBias},
		"Gemm":                                  {1: RoleWeight, 2: RoleBias},
		"MatMul":                                {0: RoleWeight, 1: RoleWeight},
		"com.microsoft::FusedMatMul":            {0: RoleWeight, 1: RoleWeight},
		"Einsum":                                {0: RoleWeight, 1: RoleWeight},
		"Gather":                                {0: RoleWeight},
		"LSTM":                                  {1: RoleWeight, 2: RoleWeight, 3: RoleBias},
		"GRU":                                   {1: RoleWeight, 2: RoleWeight, 3: RoleBias},
		"RNN":                                   {1: RoleWeight, 2: RoleWeight, 3: RoleBias},
		"PRelu":                                 {1: RoleOther},
		"LayerNormalization":                    {1: RoleGain, 2: RoleOffset},
		"RMSNormalization":                      {1: RoleGain},
		"SimplifiedLayerNormalization":          {1: RoleGain},
		"GroupNormalization":                    {1: RoleGain, 2: RoleOffset},
		"com.microsoft::GroupNorm":              {1: RoleGain, 2: RoleOffset},
		"InstanceNormalization":                 {1: RoleGain, 2: RoleOffset},
		"BatchNormalization":                    {1: RoleGain, 2: RoleOffset},
		"com.microsoft::SkipLayerNormalization": {2: RoleGain, 3: RoleOffset, 4: RoleBias},
		"com.microsoft::SkipSimplifiedLayerNormalization": {2: RoleGain, 3: RoleBias},
		"com.microsoft::EmbedLayerNormalization":          {2: RoleWeight, 3: RoleWeight, 4: RoleWeight, 5: RoleGain, 6: RoleOffset},
		"com.microsoft::Attention":                        {1: RoleWeight, 2: RoleBias},
		"com.microsoft::MultiHeadAttention":               {3: RoleBias},
		"com.microsoft::BiasGelu":                         {1: RoleBias},
		"com.microsoft::FastGelu":                         {1: RoleBias},
		"com.microsoft::BiasAdd":                          {1: RoleBias},
	}
}

// roleAt is the role of a fixed input of a node whose result depends on the caller's
// numbers; empty for a constant that is no parameter.
func (s *parameters) roleAt(u gs.Use) ParameterRole {
	if role, ok := s.role[u]; ok {
		return role
	}
	v := u.Node.Input(u.Input)
	if role, ok := s.byOperator[pattern.OpName(u.Node)][u.Input]; ok {
		if role == RoleWeight && s.constant(v) || is(u.Node, "InstanceNormalization") && uniformly(v, float32(2-u.Input)) {
			return ""
		}
		return role
	}
	switch u.Node.Op() {
	case "Add", "Mul":
		return s.roleBeside(u)
	case "Concat":
		return s.roleJoined(u)
	case "Where": // a bias of scores where a mask that is fed does not hide it
		if s.wide(v) > 0 && !s.constant(v) {
			return RoleOther
		}
	}
	return ""
}

// roleBeside is that of a constant that is added to an activation, or that scales it.
func (s *parameters) roleBeside(u gs.Use) ParameterRole {
	v := u.Node.Input(u.Input)
	x := u.Node.Input(1 - u.Input)
	wide := s.wide(v)
	switch {
	case wide == 0, s.Data(x) && s.fed(x), s.constant(v), feeds(u.Node, "Sin", "Cos"):
		return ""
	case wide > 1 && u.Node.Op() == "Mul" && !s.scaled(x): // a mask, or a table of angles
		return ""
	case wide == 1 && s.grouped(x):
		if u.Node.Op() == "Mul" {
			return RoleGain
		}
		return RoleOffset
	}
	return RoleOther
}

// wide is the number of a value's axes with several numbers; two if nothing is known.
func (s *parameters) wide(v *gs.Value) int {
	dims := s.Type(v).Shape
	if dims == nil {
		return 2
	}
	n := 0
	for _, d := range dims {
		if d.Value != 1 {
			n++
		}
	}
	return n
}

// scaled reports whether an activation has one number for each row: it is the
// activation then that scales a table, and not the table that scales the activation.
func (s *parameters) scaled(x *gs.Value) bool {
	dims := s.Type(x).Shape
	return s.Data(x) && len(dims) > 0 && dims[len(dims)-1].Value == 1
}

// grouped reports whether an activation comes from an InstanceNormalization, as
// exporters spell GroupNorm: its gain and offset follow.
func (s *parameters) grouped(x *gs.Value) bool {
	for range maxWays {
		n := x.Producer()
		switch {
		case is(n, "InstanceNormalization"):
			return true
		case n == nil || len(s.DataInputs(n)) != 1 || !pattern.Layout().Has(s.View, n) && !is(n, "Mul"):
			return false
		}
		x = s.DataInputs(n)[0]
	}
	return false
}

// fed reports whether a value is the model's input, perhaps rearranged: what is added
// to it or scales it normalises it.
func (s *parameters) fed(x *gs.Value) bool {
	for range maxWays {
		if x == nil || x.Producer() == nil {
			return x != nil && s.Type(x).DType.IsFloat() // masks are fed as integers
		}
		n := x.Producer()
		if !pattern.Layout().Has(s.View, n) && !among(n, "Sub", "Div", "Mul", "Slice", "Pad") || len(s.DataInputs(n)) != 1 {
			return false
		}
		x = s.DataInputs(n)[0]
	}
	return false
}

// feeds reports whether one of the operators reads a node's first result.
func feeds(n *gs.Node, ops ...string) bool {
	for _, u := range n.Output(0).Uses() {
		if among(u.Node, ops...) {
			return true
		}
	}
	return false
}

// roleJoined is that of a constant beside an activation in a Concat: a learned token
// has one row as wide as the blocks; what else is joined is padding.
func (s *parameters) roleJoined(u gs.Use) ParameterRole {
	shape := s.Type(u.Node.Input(u.Input)).Shape
	if len(shape) != 3 || s.constant(u.Node.Input(u.Input)) || len(s.parts) == 0 {
		return ""
	}
	if width := s.parts[0].attn.o.width; width > 1 && shape[2].Value == int64(width) {
		return RoleOther
	}
	return ""
}

// constant reports whether the numbers of a fixed value show that it was not
// learned: a mask, a progression, or a table of sines and cosines. Values that are
// computed do not show it.
func (s *parameters) constant(v *gs.Value) bool {
	t := pattern.Tensor(v)
	shape := s.shapeOf(v)
	const most = 1 << 24 // numbers; a table of positions has fewer
	if t == nil || len(shape) == 0 || t.Len() > most {
		return false
	}
	xs, err := t.Float64s()
	if err != nil {
		return false
	}
	rest := xs
	if n := shape[len(shape)-1]; n > 1 {
		rest = xs[:n]
	}
	return masks(xs) || progresses(rest) || circles(xs, shape[len(shape)-1])
}

// masks reports whether numbers are zeros and lows, as a mask of scores has them.
func masks(xs []float64) bool {
	low := 0
	for _, x := range xs {
		switch {
		case x <= -50: // HTS-AT and Swin mask with -100, others with the least number
			low++
		case x != 0:
			return false
		}
	}
	return low > 0
}

// progresses reports whether numbers are an arithmetic or geometric progression.
func progresses(xs []float64) bool {
	if len(xs) < 4 || xs[0] == xs[1] {
		return false
	}
	near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-5*(math.Abs(x)+math.Abs(y)) }
	sums, products := true, true
	for i := 2; i < len(xs); i++ {
		sums = sums && near(xs[i]+xs[i-2], 2*xs[i-1])
		products = products && xs[i] != 0 && near(xs[i]*xs[i-2], xs[i-1]*xs[i-1])
	}
	return sums || products
}

// circles reports whether the rows of a table are sines and cosines: pairs of
// columns, neighbours or half a row apart, on the unit circle.
func circles(xs []float64, width int) bool {
	if width < 4 || width%2 != 0 || len(xs) < 2*width {
		return false
	}
	return onCircle(xs, width, 1) || onCircle(xs, width, width/2)
}

func onCircle(xs []float64, width, apart int) bool {
	rows := 0
	for at := 0; at+width <= len(xs); at += width {
		row, zeros, ok := xs[at:at+width], true, true
		for i := 0; i < width/2; i++ {
			k := i
			if apart == 1 {
				k = 2 * i
			}
			a, b := row[k], row[k+apart]
			zeros = zeros && a == 0 && b == 0
			ok = ok && math.Abs(a*a+b*b-1) < 1e-3 // half precision keeps three digits
		}
		switch {
		case zeros: // the padding's row
		case !ok:
			return false
		default:
			rows++
		}
	}
	return rows > 0
}
