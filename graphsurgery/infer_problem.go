package graphsurgery

import (
	"errors"

	"github.com/aat-onnx/aat-onnx/graphsurgery/internal/infer"
	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

type complaint struct {
	node *pb.NodeProto
	what string
}

// ruleError says which rule of Verify an error is about; that of others is
// ruleInference.
type ruleError struct {
	rule ruleID
	err  error
}

func (e *ruleError) Error() string { return e.err.Error() }

// problem notes what is wrong with a node; in strict mode it is the error.
func (w *inferrer) problem(n *pb.NodeProto, s *inferScope, err error) error {
	if w.muted > 0 && !w.opts.dead {
		return nil
	}
	e := &TypeError{File: w.model.path, Node: (&Node{pb: n}).Label(), Op: n.GetOpType(), Domain: domainOf(n), Graph: s.at, Rule: rules[ruleInference].ID, What: err.Error()}
	if r := (*ruleError)(nil); errors.As(err, &r) {
		e.Rule = rules[r.rule].ID
	} else if infer.Finer(err) {
		e.Rule = rules[ruleRuns].ID
	}
	for _, name := range n.Input {
		v, _ := s.get(name)
		if v == nil {
			v = &infer.Value{}
		}
		e.Inputs = append(e.Inputs, w.types.export(v.Type).String())
	}
	if w.opts.Strict {
		return e
	}
	if once := (complaint{n, e.What}); !w.said[once] { // bodies are inferred more than once
		w.said[once] = true
		w.types.problems = append(w.types.problems, e)
	}
	return nil
}
