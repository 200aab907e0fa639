package recognize

import (
	"math"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/pattern"
	"github.com/aat-onnx/aat-onnx/internal/testutil"
)

// builder writes graphs with few words.
type builder struct{ p *gs.Patch }

func (b builder) op(op string, operands ...gs.Operand) gs.Wire { return b.p.Add(op, operands...) }

func (b builder) num(x float32) gs.Wire {
	return b.op("Constant", gs.Attrs{"value": gs.NewTensor([]int64{}, []float32{x})})
}

func (b builder) row() gs.Wire {
	return b.op("Constant", gs.Attrs{"value": gs.NewTensor([]int64{8}, make([]float32, 8))})
}

func (b builder) mean(x gs.Wire) gs.Wire {
	return b.op("ReduceMean", x, gs.Attrs{"axes": []int{-1}})
}

func look(t *testing.T, f func(b builder, x gs.Wire) gs.Wire) *pattern.View {
	t.Helper()
	m, err := gs.Parse(testutil.SeedModel(17, "Identity", "", 5, 8))
	if err != nil {
		t.Fatal(err)
	}
	p := m.NewPatch("n")
	y := f(builder{p}, p.Add("Relu", p.Tap(m.Graph.Input("x")), gs.OutName("start")))
	p.TrustTypes() // the nets differ in rank, and only their structure matters
	p.ReplaceOutput(m.Graph.Output("y"), p.Add("Relu", y), gs.Dim{Value: -1})
	p.Prune()
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	return pattern.Look(m.Graph, nil)
}

func TestNorms(t *testing.T) {
	end := gs.OutName("end")
	affine := func(b builder, y gs.Wire) gs.Wire { return b.op("Add", b.op("Mul", y, b.row()), b.row(), end) }
	deviation := func(b builder, sq gs.Wire) gs.Wire { return b.op("Sqrt", b.op("Add", b.mean(sq), b.num(1e-6))) }
	two := func(b builder) gs.Wire { return b.num(2) }
	tests := []struct {
		name  string
		rms   bool
		build func(b builder, x gs.Wire) gs.Wire
	}{
		{"operator", false, func(b builder, x gs.Wire) gs.Wire {
			return b.op("LayerNormalization", x, b.row(), b.row(), gs.Attrs{"epsilon": float32(1e-6)}, end)
		}},
		{"RMS operator", true, func(b builder, x gs.Wire) gs.Wire {
			b.p.SetOpset("", 23) // which brought it
			return b.op("RMSNormalization", x, b.row(), gs.Attrs{"epsilon": float32(1e-6)}, end)
		}},
		{"Pow and Div", false, func(b builder, x gs.Wire) gs.Wire {
			c := b.op("Sub", x, b.mean(x))
			return affine(b, b.op("Div", c, deviation(b, b.op("Pow", c, two(b)))))
		}},
		{"two Subs", false, func(b builder, x gs.Wire) gs.Wire {
			m := b.mean(x)
			return affine(b, b.op("Div", b.op("Sub", x, m), deviation(b, b.op("Pow", b.op("Sub", x, m), two(b)))))
		}},
		{"casts of half precision", false, func(b builder, x gs.Wire) gs.Wire {
			c := b.op("Sub", x, b.mean(x))
			d := deviation(b, b.op("Pow", b.op("Cast", c, gs.Attrs{"to": 1}), two(b)))
			q := b.op("Cast", b.op("Div", c, d), gs.Attrs{"to": 1}) // to 10 in such a model, with gain and bias of that type
			return affine(b, q)
		}},
		{"square by Mul, Reciprocal", false, func(b builder, x gs.Wire) gs.Wire {
			c := b.op("Sub", x, b.mean(x))
			return affine(b, b.op("Mul", b.op("Reciprocal", deviation(b, b.op("Mul", c, c))), c))
		}},
		{"one over Sqrt, gain first", false, func(b builder, x gs.Wire) gs.Wire {
			c := b.op("Sub", x, b.mean(x))
			q := b.op("Mul", c, b.op("Div", b.num(1), deviation(b, b.op("Mul", c, c))))
			return b.op("Add", b.row(), b.op("Mul", b.row(), q), end)
		}},
		{"Keras", false, func(b builder, x gs.Wire) gs.Wire {
			m := b.mean(x)
			c := b.op("Sub", x, m)
			g := b.op("Mul", b.op("Reciprocal", deviation(b, b.op("Mul", c, c))), b.row())
			return b.op("Add", b.op("Mul", x, g), b.op("Sub", b.row(), b.op("Mul", m, g)), end)
		}},
		{"RMS", true, func(b builder, x gs.Wire) gs.Wire {
			q := b.op("Mul", x, b.op("Reciprocal", deviation(b, b.op("Pow", x, two(b)))))
			return b.op("Mul", b.row(), q, end)
		}},
		{"RMS of T5, casts", true, func(b builder, x gs.Wire) gs.Wire {
			sq := b.op("Pow", b.op("Cast", x, gs.Attrs{"to": 1}), two(b))
			return b.op("Mul", b.row(), b.op("Div", x, deviation(b, sq)), end)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			norms := Norms(look(t, test.build))
			if len(norms) != 1 {
				t.Fatalf("%d norms, want 1", len(norms))
			}
			n := norms[0]
			if n.In.Name() != "start" || n.Out.Name() != "end" || n.RMS != test.rms || n.Gain == nil {
				t.Errorf("from %q to %q, RMS %v, gain %v; want start to end, RMS %v, a gain", n.In.Name(), n.Out.Name(), n.RMS, n.Gain != nil, test.rms)
			}
			// float32's 1e-6 differs from the double by 3e-14.
			if math.Abs(n.Epsilon-1e-6) > 1e-12 {
				t.Errorf("epsilon %g, want 1e-6", n.Epsilon)
			}
		})
	}
}

// TestNormMiss: a mean over another axis is no layer norm, and the miss says so.
func TestNormMiss(t *testing.T) {
	v := look(t, func(b builder, x gs.Wire) gs.Wire {
		c := b.op("Sub", x, b.mean(x))
		m := b.op("ReduceMean", b.op("Mul", c, c), gs.Attrs{"axes": []int{1}})
		return b.op("Div", c, b.op("Sqrt", b.op("Add", m, b.num(1e-6)), gs.OutName("sqrt")))
	})
	if norms := Norms(v); len(norms) != 0 {
		t.Fatalf("%d norms, want none", len(norms))
	}
	miss := NormMiss(v, v.Graph().Value("sqrt"))
	if miss == nil || !strings.Contains(miss.String(), "a mean over the last axis") {
		t.Errorf("got %v, want that the mean is not over the last axis", miss)
	}
}

func TestGELUs(t *testing.T) {
	end := gs.OutName("end")
	tests := []struct {
		name, want string
		build      func(b builder, x gs.Wire) gs.Wire
	}{
		{"half last", "gelu", func(b builder, x gs.Wire) gs.Wire {
			e := b.op("Add", b.op("Erf", b.op("Div", x, b.num(math.Sqrt2))), b.num(1))
			return b.op("Mul", b.op("Mul", x, e), b.num(0.5), end)
		}},
		{"half inside, by Mul", "gelu", func(b builder, x gs.Wire) gs.Wire {
			e := b.op("Add", b.num(1), b.op("Erf", b.op("Mul", x, b.num(0.70710677))))
			return b.op("Mul", x, b.op("Mul", b.num(0.5), e), end)
		}},
		{"tanh", "gelu_tanh", func(b builder, x gs.Wire) gs.Wire {
			cube := b.op("Mul", b.op("Mul", x, x), x)
			in := b.op("Mul", b.op("Add", x, b.op("Mul", cube, b.num(0.044715))), b.num(0.7978846))
			return b.op("Mul", b.op("Mul", b.op("Add", b.op("Tanh", in), b.num(1)), x), b.num(0.5), end)
		}},
		{"operator", "gelu", func(b builder, x gs.Wire) gs.Wire {
			b.p.SetOpset("", 20) // which brought Gelu
			return b.op("Gelu", x, end)
		}},
		{"not quite", "", func(b builder, x gs.Wire) gs.Wire {
			e := b.op("Add", b.op("Erf", b.op("Div", x, b.num(1.5))), b.num(1))
			return b.op("Mul", b.op("Mul", x, e), b.num(0.5), end)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := GELUs(look(t, test.build))
			if test.want == "" {
				if len(got) != 0 {
					t.Errorf("%s was found", got[0].Function)
				}
				return
			}
			if len(got) != 1 || got[0].Function != test.want || got[0].In.Name() != "start" || got[0].Out.Name() != "end" {
				t.Errorf("got %+v, want one %s from start to end", got, test.want)
			}
		})
	}
}
