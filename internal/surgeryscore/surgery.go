package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// surgery says what graphsurgery makes of one model file, detection apart.
type surgery struct {
	Name      string `json:"name"`
	Load      string `json:"load,omitempty"`       // error
	RoundTrip string `json:"round_trip,omitempty"` // what differs
	Verify    string `json:"verify,omitempty"`     // how it disagrees with onnx's checker
	Infer     string `json:"infer,omitempty"`      // error
	Values    int    `json:"values"`               // results of nodes of the main graph
	Typed     int    `json:"typed"`                // of these, with a known element type
	Shaped    int    `json:"shaped"`               // and a shape with every size known or named
	Unknown   string `json:"unknown,omitempty"`    // the first that is not, with its operator
}

// scoreSurgery loads, re-encodes, verifies and infers one file. checker is what
// onnx's checker says against it.
func scoreSurgery(label, path, checker string) surgery {
	s := surgery{Name: label}
	data, err := os.ReadFile(path)
	if err != nil {
		s.Load = err.Error()
		return s
	}
	m, err := graphsurgery.Load(path)
	if err != nil {
		s.Load = err.Error()
		return s
	}
	s.RoundTrip = roundTrip(m, data)
	s.Verify = disagreement(m, checker)
	types, err := m.Infer()
	if err != nil {
		s.Infer = err.Error()
	}
	if types != nil {
		s.count(m, types)
	}
	return s
}

// disagreement holds what Check finds up to the level of onnx.checker.check_model
// against what that says.
func disagreement(m *graphsurgery.Model, checker string) string {
	problems := m.Check(graphsurgery.CheckOptions{Level: graphsurgery.LevelSchema})
	switch {
	case len(problems) > 0 && checker == "":
		return "refused, but not by onnx's checker: " + problems[0].String()
	case len(problems) == 0 && checker != "":
		return "accepted, but onnx's checker says: " + checker
	}
	return ""
}

// roundTrip compares the file with the model's bytes, as loaded and after they
// had to be encoded anew because the model was changed and changed back.
func roundTrip(m *graphsurgery.Model, data []byte) string {
	out, err := m.Bytes()
	if err != nil {
		return err.Error()
	}
	if !bytes.Equal(out, data) {
		return "the unchanged model gives other bytes"
	}
	c := m.Clone()
	const key = "aat.surgeryscore"
	c.SetMetadata(key, "x")
	c.SetMetadata(key, "")
	if out, err = c.Bytes(); err != nil {
		return err.Error()
	}
	if !bytes.Equal(out, data) {
		return fmt.Sprintf("encoding anew gives other bytes: %d, want %d long", len(out), len(data))
	}
	return ""
}

// count takes the measure of inference on the main graph.
func (s *surgery) count(m *graphsurgery.Model, types *graphsurgery.Types) {
	for _, n := range m.Graph.Nodes() {
		for _, v := range n.Outputs() {
			if v == nil {
				continue
			}
			s.Values++
			t := types.Of(v)
			if t.DType != graphsurgery.Undefined {
				s.Typed++
			}
			if t.DType != graphsurgery.Undefined && complete(t.Shape) {
				s.Shaped++
			} else if s.Unknown == "" {
				s.Unknown = fmt.Sprintf("%s of %s: %s%s", v.Name(), n.Op(), t.DType, dims(t.Shape))
			}
		}
	}
}

// complete reports whether each size is a number or has a name.
func complete(shape []graphsurgery.Dim) bool {
	if shape == nil {
		return false
	}
	for _, d := range shape {
		if d.Value < 0 && d.Param == "" {
			return false
		}
	}
	return true
}

func dims(shape []graphsurgery.Dim) string {
	if shape == nil {
		return ", rank unknown"
	}
	return fmt.Sprint(shape)
}
