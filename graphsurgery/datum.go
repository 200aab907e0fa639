package graphsurgery

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Datum is a value outside a model, as a data file of onnx's backend tests holds
// it: a tensor, a sequence of values, or an optional that holds one or none.
type Datum struct {
	Kind   Kind
	Tensor *Tensor // for KindTensor
	Items  []Datum // the elements of a sequence; of an optional, at most one
}

// ParseDatum reads a serialised TensorProto, SequenceProto or OptionalProto, as
// kind says: such a file does not tell which it is, but the port it belongs to
// does ([Value.Kind]). Maps and sparse tensors are an UnsupportedError.
func ParseDatum(data []byte, kind Kind) (Datum, error) { return parseDatum(data, kind, 0) }

func parseDatum(data []byte, kind Kind, depth int) (Datum, error) {
	if depth > maxNesting {
		return Datum{}, &FormatError{What: fmt.Sprintf("a value is nested more than %d deep", maxNesting)}
	}
	switch kind {
	case KindTensor:
		t, err := ParseTensor(data)
		return Datum{Tensor: t}, err
	case KindSequence, KindOptional:
	default:
		return Datum{}, &UnsupportedError{What: "a data file that holds a map or a sparse tensor"}
	}
	d := Datum{Kind: kind}
	for len(data) > 0 {
		field, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			return d, &FormatError{What: "not a serialised sequence or optional", Err: protowire.ParseError(n)}
		}
		data = data[n:]
		if n = protowire.ConsumeFieldValue(field, wire, data); n < 0 {
			return d, &FormatError{What: "not a serialised sequence or optional", Err: protowire.ParseError(n)}
		}
		if inner, ok := datumFields[field]; ok && wire == protowire.BytesType {
			body, _ := protowire.ConsumeBytes(data)
			item, err := parseDatum(body, inner, depth+1)
			if err != nil {
				return d, err
			}
			d.Items = append(d.Items, item)
		}
		data = data[n:]
	}
	if kind == KindOptional && len(d.Items) > 1 {
		return d, &FormatError{What: fmt.Sprintf("an optional holds %d values", len(d.Items))}
	}
	return d, nil
}

// datumFields are the fields of SequenceProto and of OptionalProto that hold
// values: both messages number them alike (onnx-data.proto). Fields 1 and 2 are
// the name and the element's kind.
var datumFields = map[protowire.Number]Kind{
	3: KindTensor, 4: KindSparse, 5: KindSequence, 6: KindMap, 7: KindOptional,
}
