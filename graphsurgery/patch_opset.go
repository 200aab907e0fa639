package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// SetOpset changes the version of an operator set that the model, or the function
// the patch works in, imports already. The patch must change the nodes
// accordingly; only their form is checked.
func (p *Patch) SetOpset(domain string, version int64) {
	p.opsets = append(p.opsets, opsetImport{p.graph.root(), canonical(domain), version})
}

// SetIRVersion changes the model's IR version.
func (p *Patch) SetIRVersion(version int64) { p.ir = version }

// Check lets Apply test a condition on the changed model before it commits; an
// error takes the change back.
func (p *Patch) Check(test func(*Model) error) { p.checks = append(p.checks, test) }

func (e *edit) setVersions() error {
	m := e.patch.model.pb
	for _, c := range e.patch.opsets {
		list := m.OpsetImport
		if c.graph.function != nil {
			list = c.graph.function.pb.OpsetImport
		}
		if err := e.setVersion(list, c); err != nil {
			return err
		}
	}
	if e.patch.ir != 0 && e.patch.ir != m.GetIrVersion() {
		set(e, &m.IrVersion, &e.patch.ir)
	}
	return nil
}

func (e *edit) setVersion(list []*pb.OperatorSetIdProto, c opsetImport) error {
	for i, o := range list {
		if canonical(o.GetDomain()) == c.domain {
			changed := twin(o)
			changed.Version = &c.version
			set(e, &list[i], changed)
			e.mark(c.graph)
			return nil
		}
	}
	return fmt.Errorf("operator set %q is not imported, so that its version cannot change", c.domain)
}

func (e *edit) runChecks() error {
	for _, test := range e.patch.checks {
		if err := test(e.patch.model); err != nil {
			return err
		}
	}
	return nil
}

// FreshInitializer is [Patch.Initializer] under the base name, or, if that is
// taken, under the base name with a number.
func (p *Patch) FreshInitializer(base string, t *Tensor) Wire {
	return p.Initializer(p.names.find(base, anyName), t)
}

// IsListedInput reports whether the value stands in the graph's list of inputs, be
// it an initialiser too.
func (v *Value) IsListedInput() bool { return v.port }
