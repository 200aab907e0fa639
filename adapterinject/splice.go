package adapterinject

import (
	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Splicer writes one adapter into the copy of a base model. All that it adds is
// named by the adapter: Prefix, its name, and the name given. It computes in
// float32 whatever the base computes in.
type Splicer struct {
	model  *gs.Model // the copy
	patch  *gs.Patch
	types  *gs.Types // of the base
	opset  int64
	seed   uint64
	tag    bool // nodes may carry metadata (IR version 10 on)
	prefix string
	offer  bool                  // parameters are inputs with defaults
	free   gs.Dim                // with offer, the last axis of parameters, if it has a name
	reads  map[*gs.Value]gs.Wire // what this adapter read already
	moved  map[*gs.Value]gs.Wire // what the readers of a value read by now; for all adapters
}

// Opset is that of the standard's operators in the model.
func (s *Splicer) Opset() int64 { return s.opset }

// own is a base value in the copy.
func (s *Splicer) own(v *gs.Value) *gs.Value { return s.model.Graph.Value(v.Name()) }

// node is a base node in the copy: that of its first output.
func (s *Splicer) node(n *gs.Node) *gs.Node { return s.own(n.Output(0)).Producer() }

// half is the 16-bit type of a base value, or Undefined for any other.
func (s *Splicer) half(v *gs.Value) gs.DType {
	if d := typeOf(s.types, v).DType; d == gs.Float16 || d == gs.BFloat16 {
		return d
	}
	return gs.Undefined
}

// Read is a value of the base, in float32. Readers that the splicer moves do not
// include what is added here.
func (s *Splicer) Read(v *gs.Value) gs.Wire {
	if w, ok := s.reads[v]; ok {
		return w
	}
	w := s.single(v, s.patch.Tap(s.own(v)))
	s.reads[v] = w
	return w
}

// single gives a wire of a base value's type in float32.
func (s *Splicer) single(v *gs.Value, w gs.Wire) gs.Wire {
	if s.half(v) == gs.Undefined {
		return w
	}
	return s.patch.Add("Cast", s.operands("cast_"+v.Name(), w, gs.Attrs{"to": int64(gs.Float)})...)
}

// back gives a result the type that a base value has.
func (s *Splicer) back(w gs.Wire, like *gs.Value) gs.Wire {
	d := s.half(like)
	if d == gs.Undefined {
		return w
	}
	return s.patch.Add("Cast", s.operands("cast_back_"+like.Name(), w, gs.Attrs{"to": int64(d)})...)
}

// Op adds one node.
func (s *Splicer) Op(name, op string, operands ...gs.Operand) gs.Wire {
	return s.patch.Add(op, s.operands(name, operands...)...)
}

func (s *Splicer) operands(name string, operands ...gs.Operand) []gs.Operand {
	operands = append(operands, gs.Named(Prefix+s.prefix+name))
	if s.tag {
		operands = append(operands, gs.Meta{MetaRole: s.prefix + name})
	}
	return operands
}

// Param adds a trainable initialiser of float32.
func (s *Splicer) Param(name string, shape []int, init Init) gs.Wire {
	dims, n := make([]int64, len(shape)), 1
	for i, d := range shape {
		dims[i] = int64(d)
		n *= d
	}
	name = Prefix + s.prefix + name
	w := s.patch.Initializer(name, gs.NewTensor(dims, init.draw(newPCG(s.seed, name), n)))
	if s.offer {
		declared := gs.Known(dims...)
		if s.free.Param != "" {
			declared[len(declared)-1] = s.free
		}
		s.patch.OfferInput(w, declared...)
	}
	return w
}

// Number adds a scalar that is not trained, a Constant node: initialisers under
// the prefix are trained.
func (s *Splicer) Number(name string, x float64) gs.Wire {
	return s.Tensor(name, gs.NewTensor([]int64{}, []float32{float32(x)}))
}

// Ints adds a constant vector of int64.
func (s *Splicer) Ints(name string, xs ...int64) gs.Wire {
	return s.Tensor(name, gs.NewTensor([]int64{int64(len(xs))}, xs))
}

// Tensor adds a Constant node.
func (s *Splicer) Tensor(name string, t *gs.Tensor) gs.Wire {
	return s.Op(name, "Constant", gs.Attrs{"value": t})
}

// Linear adds x·W + b with W [in, out] trained from init and b from zero.
func (s *Splicer) Linear(name string, x gs.Wire, in, out int, init Init) gs.Wire {
	w := s.Param(name+"_weight", []int{in, out}, init)
	b := s.Param(name+"_bias", []int{out}, Zeros())
	return s.Op(name+"_add", "Add", s.Op(name+"_matmul", "MatMul", x, w), b)
}

// Scale adds x·factor; nothing for 1.
func (s *Splicer) Scale(name string, x gs.Wire, factor float64) gs.Wire {
	if factor == 1 {
		return x
	}
	return s.Op(name, "Mul", x, s.Number(name+"_factor", factor))
}

// Replace lets every reader of a base value read w, in the value's own type.
func (s *Splicer) Replace(v *gs.Value, w gs.Wire) {
	s.move(v, s.back(w, v))
}

// move lets every reader of a base value read w, which has the value's type.
func (s *Splicer) move(v *gs.Value, w gs.Wire) {
	s.patch.InsertAfter(s.own(v), w)
	s.moved[s.own(v)] = w
}

// latest is what the readers of a base value read by now: the value, or what
// adapters before put in its place.
func (s *Splicer) latest(v *gs.Value) gs.Wire {
	if w, ok := s.moved[s.own(v)]; ok {
		return w
	}
	return s.patch.Tap(s.own(v))
}

// ReplaceUse lets one reader of a base value read w.
func (s *Splicer) ReplaceUse(u gs.Use, w gs.Wire) {
	s.patch.ShuntUse(gs.Use{Node: s.node(u.Node), Input: u.Input}, s.back(w, u.Node.Input(u.Input)))
}

// AddTo adds a result to the attention or the MLP of a block, at [AttentionOut]
// or [MLPOut]: X + (H + result) with the stream X and the branch H. Where the
// block's own addition reads the site's value directly, the result goes to its
// other operand, (X + result) + H: the same sum, but while the result is zero the
// base's additions keep the very operands they had. Runtimes that fuse them with
// the bias before or the norm behind then round as they did: an untrained AST
// stays equal to its base to the last bit at every optimisation level. (Other
// models may have other fusions there.)
func (s *Splicer) AddTo(b Block, site Site, result gs.Wire) {
	sum := b.ResidualAttn
	if site.Name == MLPOut {
		sum = b.ResidualMLP
	}
	if operand, ok := skip(sum, site.Value); ok {
		stream := sum.Producer().Input(operand)
		total := s.Op("residual", "Add", s.latest(stream), s.back(result, stream))
		s.patch.ShuntUse(gs.Use{Node: s.node(sum.Producer()), Input: operand}, total)
		return
	}
	s.move(site.Value, s.Op("residual", "Add", s.latest(site.Value), s.back(result, site.Value)))
}

// skip is the operand of a residual addition that carries the stream past a
// branch, if the addition reads the branch's value itself.
func skip(sum, branch *gs.Value) (operand int, ok bool) {
	if sum == nil || !is(sum.Producer(), "Add") {
		return 0, false
	}
	n := sum.Producer()
	for i, v := range n.Inputs() {
		if v == branch && n.Input(1-i) != branch {
			return 1 - i, true
		}
	}
	return 0, false
}

// readLatest is what the readers of a base value read by now, in float32.
func (s *Splicer) readLatest(v *gs.Value) gs.Wire {
	if w, ok := s.moved[s.own(v)]; ok {
		return s.single(v, w)
	}
	return s.Read(v)
}

// Offset lets every reader of a base's weight read it plus a trainable offset of
// its shape that begins as zero: the way to tune a weight and keep the base.
func (s *Splicer) Offset(name string, weight *gs.Value) {
	s.Replace(weight, s.offset(name, weight))
}

// OffsetUse is [Splicer.Offset] for one reader.
func (s *Splicer) OffsetUse(name string, u gs.Use) {
	s.ReplaceUse(u, s.offset(name, u.Node.Input(u.Input)))
}

func (s *Splicer) offset(name string, weight *gs.Value) gs.Wire {
	var shape []int
	for _, d := range typeOf(s.types, weight).Shape {
		shape = append(shape, int(d.Value))
	}
	return s.Op(name+"_sum", "Add", s.Read(weight), s.Param(name, shape, Zeros()))
}

// Bottleneck adds act(x·W_down + b_down)·W_up + b_up, from width to rank and
// back. W_down begins as a truncated normal of deviation 0.02 and the rest as zero.
func (s *Splicer) Bottleneck(x gs.Wire, width, rank int, activation string) gs.Wire {
	h := s.Linear("down", x, width, rank, TruncNormal(0.02))
	return s.Linear("up", s.Activation("act", h, activation), rank, width, Zeros())
}
