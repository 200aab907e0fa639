package graphsurgery

import (
	"fmt"
	"math"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// Limits bound what loading a model may take. A field that is 0 has its default,
// so the zero value is the usual set. They are tested on the file's bytes, before
// anything is allocated for what the bytes declare. A model beyond a limit is an
// [UnsupportedError] that names the limit.
type Limits struct {
	FileBytes      int64 // the file; 2 GiB − 1, and never more
	TensorBytes    int64 // one tensor, by its shape; 64 GiB
	TotalBytes     int64 // all tensors, by their shapes; 1 TiB
	Nodes          int   // in all graphs and functions; 250 000
	Initializers   int   // in all graphs; 250 000
	Values         int   // names that nodes, inputs, outputs and value infos define; 1 000 000
	Functions      int   // 10 000, as for the onnx checker
	CallDepth      int   // functions that call functions; 100, as for the onnx checker
	Nesting        int   // graphs in attributes of graphs; 32, and never more
	AttributeBytes int64 // one attribute once it is decoded, but for tensors and graphs; 64 MiB
	NameBytes      int   // one name; 16 KiB
	Rank           int   // dimensions of one shape; 64
	Metadata       int   // metadata entries in all; 250 000
	UnknownBytes   int64 // fields that the ONNX schema does not have; 16 MiB
}

// The memory a decoded model may take is decodedFloor and decodedFactor times its
// file. By our costs, which are on the safe side, exports take two to six times
// their bytes, weights not counted, graphs with very short names fifteen to twenty;
// a file of empty messages takes over two hundred times.
const (
	decodedFloor  = 64 << 20
	decodedFactor = 16
)

// filled gives l with its defaults.
func (l Limits) filled() Limits {
	orDefault64(&l.FileBytes, maxMessage)
	orDefault64(&l.TensorBytes, 64<<30)
	orDefault64(&l.TotalBytes, 1<<40)
	orDefault64(&l.AttributeBytes, 64<<20)
	orDefault64(&l.UnknownBytes, 16<<20)
	orDefault(&l.Nodes, 250_000)
	orDefault(&l.Initializers, 250_000)
	orDefault(&l.Values, 1_000_000)
	orDefault(&l.Functions, 10_000)
	orDefault(&l.CallDepth, 100)
	orDefault(&l.Nesting, maxNesting)
	orDefault(&l.NameBytes, 16<<10)
	orDefault(&l.Rank, 64)
	orDefault(&l.Metadata, 250_000)
	l.FileBytes, l.Nesting = min(l.FileBytes, maxMessage), min(l.Nesting, maxNesting)
	return l
}

func orDefault(p *int, def int) {
	if *p == 0 {
		*p = def
	}
}

func orDefault64(p *int64, def int64) {
	if *p == 0 {
		*p = def
	}
}

// beyondLimit is the error of a model that is too large.
func beyondLimit(file, what string, got, limit int64) error {
	return &UnsupportedError{File: file, What: fmt.Sprintf("%s: %d, more than the limit of %d", what, got, limit), Hint: "if the file is to be trusted, load it with larger Limits"}
}

// checkTensors tests what the tensors' shapes declare.
func (l Limits) checkTensors(m *Model) error {
	var total int64
	var err error
	eachTensor(m.pb, func(p *pb.TensorProto, _ bool) {
		t := &Tensor{pb: p, model: m}
		n, ok := t.byteLen()
		switch {
		case err != nil:
		case !ok:
			err = t.broken("shape %v is not possible", t.pb.Dims)
		case n > l.TensorBytes:
			err = beyondLimit(m.path, fmt.Sprintf("bytes that tensor %q declares", t.Name()), n, l.TensorBytes)
		case n > l.TotalBytes-total:
			err = beyondLimit(m.path, "bytes that all tensors declare", clampedSum(total, n), l.TotalBytes)
		default:
			total += n
		}
	})
	return err
}

func clampedSum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
