package graphsurgery

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// msg is a length-delimited field: a message, a string, or packed numbers.
func msg(num protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), bytes.Join(parts, nil))
}

func str(num protowire.Number, s string) []byte { return msg(num, []byte(s)) }

func num(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

func dimsOf(sizes ...int64) []byte {
	var b []byte
	for _, s := range sizes {
		b = append(b, num(1, uint64(s))...)
	}
	return b
}

// tensorOf is an initialiser "w" of float32 of that shape, with nothing in it.
func tensorOf(sizes ...int64) []byte { return msg(5, dimsOf(sizes...), num(2, 1), str(8, "w")) }

// bomb is a model with the given parts in its graph, bombModel with parts beside
// it. All else is in order: an input, an output, and an Identity between.
func bomb(graph ...[]byte) []byte { return bombModel(nil, graph...) }

func bombModel(model []byte, graph ...[]byte) []byte {
	port := func(n protowire.Number, name string) []byte {
		return msg(n, str(1, name), msg(2, msg(1, num(1, 1))))
	}
	identity := msg(1, str(1, "x"), str(2, "y"), str(4, "Identity"))
	g := append([][]byte{identity, str(2, "g"), port(11, "x"), port(12, "y")}, graph...)
	return bytes.Join([][]byte{num(1, 8), msg(7, g...), msg(8, str(1, ""), num(2, 17)), model}, nil)
}

// nested wraps inner n times.
func nested(n int, inner []byte, wrap func([]byte) []byte) []byte {
	for range n {
		inner = wrap(inner)
	}
	return inner
}

// nestedWire is nested for n too large to copy each time: the same open and length
// bytes from the inside out, prepended once.
func nestedWire(n int, tags ...protowire.Number) []byte {
	var rev []byte // the result, last byte first
	size := 0
	for range n {
		for _, tag := range tags {
			head := protowire.AppendVarint(protowire.AppendTag(nil, tag, protowire.BytesType), uint64(size))
			for i := len(head) - 1; i >= 0; i-- {
				rev = append(rev, head[i])
			}
			size += len(head)
		}
	}
	for i, j := 0, len(rev)-1; i < j; i, j = i+1, j-1 {
		rev[i], rev[j] = rev[j], rev[i]
	}
	return rev
}

func repeat(n int, b []byte) []byte { return bytes.Repeat(b, n) }

func function(name string, nodes ...[]byte) []byte {
	return msg(25, append([][]byte{str(1, name), str(10, "local"), str(5, "o")}, nodes...)...)
}

func callOf(name string) []byte {
	return msg(7, str(2, "o"), str(4, name), str(7, "local"))
}

func semantic(change func(*pb.ModelProto)) []byte {
	m := chain()
	change(m)
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

func sparseModel(size int64, indices ...int64) []byte {
	return semantic(func(m *pb.ModelProto) {
		n := int64(len(indices))
		m.Graph.SparseInitializer = []*pb.SparseTensorProto{{
			Dims: []int64{size}, Values: initializer("s", NewTensor([]int64{n}, make([]float32, n))), Indices: NewTensor([]int64{n}, indices).pb,
		}}
	})
}

// malice is one malicious file: what it tries, and who refuses it.
type malice struct {
	name string
	by   string // Load, Verify (its default level), Schema (LevelSchema)
	kind string // the error's type
	why  string
	file func() []byte
}

const (
	format      = "FormatError"
	unsupported = "UnsupportedError"
	million     = 1_000_000
)

var malicious = []malice{
	{"huge-dims", "Load", unsupported, "4 TiB declared in 30 bytes", func() []byte { return bomb(tensorOf(1 << 40)) }},
	{"huge-attribute", "Load", unsupported, "the same in a Constant", func() []byte {
		return bomb(msg(1, str(2, "c"), str(4, "Constant"), msg(5, str(1, "value"), num(20, 4), msg(5, dimsOf(1<<40), num(2, 1)))))
	}},
	{"negative-dim", "Load", format, "a size below 0", func() []byte { return bomb(tensorOf(-1)) }},
	{"negative-product", "Load", format, "two negative sizes with a positive product", func() []byte { return bomb(tensorOf(-1<<31, -1<<31)) }},
	{"product-overflow", "Load", format, "2⁶⁴ elements: 0 in 64-bit arithmetic", func() []byte { return bomb(tensorOf(1<<32, 1<<32)) }},
	{"bytes-overflow", "Load", format, "2⁶² elements of 4 bytes", func() []byte { return bomb(tensorOf(1 << 62)) }},
	{"empty-but-huge", "Load", format, "no elements, but sizes that overflow before the 0", func() []byte { return bomb(tensorOf(0, 1<<62, 1<<62)) }},
	{"sum-of-tensors", "Load", unsupported, "each tensor within its limit, 2 TiB in all", func() []byte { return bomb(repeat(64, tensorOf(1<<33))) }},
	{"dims-packed", "Load", unsupported, "10⁷ dimensions in one packed list", func() []byte {
		return bomb(msg(5, msg(1, repeat(10*million, []byte{1})), num(2, 1), str(8, "w")))
	}},
	{"dims-single", "Load", unsupported, "10⁶ dimensions, one by one", func() []byte { return bomb(msg(5, repeat(million, num(1, 1)))) }},
	{"rank-of-value", "Load", unsupported, "an input of 10⁶ dimensions", func() []byte {
		return bomb(msg(13, str(1, "y"), msg(2, msg(1, num(1, 1), msg(2, repeat(million, msg(1, num(1, 1))))))))
	}},
	{"nodes", "Load", unsupported, "10⁶ nodes", func() []byte { return bomb(repeat(million, msg(1, str(1, "x"), str(2, "z"), str(4, "Relu")))) }},
	{"empty-nodes", "Load", unsupported, "10⁶ nodes of two bytes: 200 times that once decoded", func() []byte { return bomb(repeat(million, msg(1))) }},
	{"function-nodes", "Load", unsupported, "10⁶ nodes in a function", func() []byte { return bombModel(function("f", repeat(million, callOf("g")))) }},
	{"zero-size-tensors", "Load", unsupported, "10⁶ tensors without elements", func() []byte { return bomb(repeat(million, tensorOf(0))) }},
	{"value-infos", "Load", unsupported, "2·10⁶ value infos", func() []byte { return bomb(repeat(2*million, msg(13, str(1, "v")))) }},
	{"outputs-of-a-node", "Load", unsupported, "one node with 2·10⁶ outputs", func() []byte { return bomb(msg(1, repeat(2*million, str(2, "abc")))) }},
	{"inputs-of-a-node", "Load", unsupported, "one node with 5·10⁶ empty inputs", func() []byte { return bomb(msg(1, repeat(5*million, str(1, "")))) }},
	{"metadata", "Load", unsupported, "10⁶ metadata entries", func() []byte { return bombModel(repeat(million, msg(14, str(1, "k")))) }},
	{"empty-attributes", "Load", unsupported, "10⁶ attributes of two bytes", func() []byte { return bomb(msg(1, str(4, "Relu"), repeat(million, msg(5)))) }},
	{"functions", "Load", unsupported, "10⁵ functions", func() []byte { return bombModel(repeat(million/10, msg(25, str(1, "f")))) }},
	{"recursive-function", "Load", format, "a function that calls itself", func() []byte { return bombModel(function("f", callOf("f"))) }},
	{"mutual-recursion", "Load", format, "two functions that call each other", func() []byte { return bombModel(append(function("f", callOf("g")), function("g", callOf("f"))...)) }},
	{"call-depth", "Load", unsupported, "5000 functions, each calling the next twice: 2⁵⁰⁰⁰ nodes when inlined", func() []byte {
		var b []byte
		for i := range 5000 {
			next := callOf(fmt.Sprint("f", i+1))
			b = append(b, function(fmt.Sprint("f", i), next, next)...)
		}
		return bombModel(b)
	}},
	{"nested-graphs", "Load", format, "10⁵ graphs in graphs", func() []byte { return bomb(nestedWire(100_000, 6, 5, 1)) }},
	{"nested-graphs-33", "Load", format, "one graph deeper than allowed", func() []byte {
		return bomb(nested(maxNesting+1, nil, func(b []byte) []byte { return msg(1, msg(5, msg(6, b))) }))
	}},
	{"nested-types", "Load", format, "a sequence of sequences, 10⁵ deep", func() []byte { return bomb(msg(13, str(1, "y"), msg(2, nestedWire(100_000, 1, 4)))) }},
	{"groups", "Load", format, "10⁵ groups in groups, a form no ONNX version has", func() []byte {
		return bombModel(append(repeat(100_000, protowire.AppendTag(nil, 99, protowire.StartGroupType)), repeat(100_000, protowire.AppendTag(nil, 99, protowire.EndGroupType))...))
	}},
	{"unknown-numbers", "Load", unsupported, "10⁷ fields that ONNX does not have", func() []byte { return bombModel(repeat(10*million, num(100, 1))) }},
	{"unknown-bytes", "Load", unsupported, "32 MiB in one field that ONNX does not have", func() []byte { return bombModel(msg(100, make([]byte, 32<<20))) }},
	{"long-tensor-name", "Load", unsupported, "an initialiser with a name of 1 MB", func() []byte { return bomb(msg(5, num(2, 1), str(8, strings.Repeat("n", million)))) }},
	{"long-value-name", "Load", unsupported, "a node with an input name of 1 MB", func() []byte { return bomb(msg(1, str(1, strings.Repeat("n", million)))) }},
	{"long-key", "Load", unsupported, "a metadata key of 1 MB", func() []byte { return bombModel(msg(14, str(1, strings.Repeat("n", million)))) }},
	{"attribute-string", "Load", unsupported, "an attribute of 65 MB", func() []byte { return bomb(msg(1, msg(5, str(1, "a"), msg(4, make([]byte, 65<<20))))) }},
	{"attribute-ints", "Load", unsupported, "10⁷ integers of one byte each, 8 once decoded", func() []byte { return bomb(msg(1, msg(5, msg(8, make([]byte, 10*million))))) }},
	{"int64-data", "Load", format, "10⁷ values for a shape of one", func() []byte {
		return bomb(msg(5, dimsOf(1), num(2, 7), msg(7, make([]byte, 4*million)), str(8, "w")))
	}},
	{"string-data", "Load", unsupported, "10⁷ empty strings, 24 bytes each once decoded", func() []byte {
		return bomb(msg(5, dimsOf(10*million), num(2, 8), repeat(10*million, msg(6)), str(8, "w")))
	}},
	{"field-again", "Load", unsupported, "one string given 10⁷ times, each allocated", func() []byte { return bomb(repeat(10*million, str(10, ""))) }},
	{"graph-again", "Load", unsupported, "the graph in 10⁶ pieces", func() []byte { return bombModel(repeat(million, msg(7))) }},
	{"length-past-end", "Load", format, "a graph that claims 2⁶² bytes", func() []byte { return append(num(1, 8), 7<<3|2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40) }},
	{"length-overflow", "Load", format, "a length of 11 bytes", func() []byte { return append(num(1, 8), append([]byte{7<<3 | 2}, repeat(11, []byte{0xff})...)...) }},
	{"cut-short", "Load", format, "a graph cut in the middle", func() []byte { b := bomb(tensorOf(1)); return b[:len(b)/2] }},
	{"zeros", "Load", format, "zeros only", func() []byte { return make([]byte, million) }},
	{"no-opset", "Load", format, "no operator set", func() []byte { return semantic(func(m *pb.ModelProto) { m.OpsetImport = nil }) }},
	{"raw-too-short", "Verify", format, "a reader that trusts the shape reads past the end", func() []byte {
		return semantic(func(m *pb.ModelProto) { m.Graph.Initializer[0].Dims = []int64{1 << 20} })
	}},
	{"two-forms", "Verify", format, "raw bytes and float values", func() []byte {
		return semantic(func(m *pb.ModelProto) { m.Graph.Initializer[0].FloatData = []float32{1, 2, 3, 4} })
	}},
	{"cycle", "Verify", format, "two nodes that read each other", func() []byte {
		return semantic(func(m *pb.ModelProto) {
			m.Graph.Node = append(m.Graph.Node, node("Neg", []string{"q"}, "p"), node("Neg", []string{"p"}, "q"))
		})
	}},
	{"self-loop", "Verify", format, "a node that reads itself", func() []byte {
		return semantic(func(m *pb.ModelProto) { m.Graph.Node = append(m.Graph.Node, node("Neg", []string{"p"}, "p")) })
	}},
	{"duplicate-value", "Verify", format, "a value computed twice", func() []byte {
		return semantic(func(m *pb.ModelProto) { m.Graph.Node = append(m.Graph.Node, node("Neg", []string{"x"}, "mid")) })
	}},
	{"duplicate-initializer", "Verify", format, "two initialisers of one name", func() []byte {
		return semantic(func(m *pb.ModelProto) { m.Graph.Initializer = append(m.Graph.Initializer, m.Graph.Initializer[0]) })
	}},
	{"duplicate-input", "Verify", format, "two inputs of one name", func() []byte {
		return semantic(func(m *pb.ModelProto) { m.Graph.Input = append(m.Graph.Input, m.Graph.Input[0]) })
	}},
	{"sparse-past-end", "Schema", format, "a sparse index behind the tensor", func() []byte { return sparseModel(4, 4) }},
	{"sparse-negative", "Schema", format, "a sparse index before it", func() []byte { return sparseModel(4, -1) }},
	{"sparse-twice", "Schema", format, "one place filled twice", func() []byte { return sparseModel(4, 1, 1) }},
	{"sparse-huge", "Schema", format, "a dense form of 2⁶⁴ elements", func() []byte {
		return semantic(func(m *pb.ModelProto) {
			m.Graph.SparseInitializer = []*pb.SparseTensorProto{{Dims: []int64{1 << 32, 1 << 32}, Values: initializer("s", NewTensor([]int64{0}, []float32{})), Indices: NewTensor([]int64{0}, []int64{}).pb}}
		})
	}},
	{"many-cycles", "Verify", format, "50 000 nodes in one cycle: linear time is asked for", func() []byte {
		return semantic(func(m *pb.ModelProto) {
			for i := range 50_000 {
				m.Graph.Node = append(m.Graph.Node, node("Neg", []string{fmt.Sprint("v", (i+1)%50_000)}, fmt.Sprint("v", i)))
			}
		})
	}},
}

const (
	maliceTime   = time.Second
	maliceMemory = 128 << 20
)

// childFile names the file that a child process of the tests is to load.
const childFile = "AAT_ONNX_CHILD_LOADS"

// TestMaliciousFiles loads and verifies each file in a process of its own, which
// tells its own peak of resident memory.
func TestMaliciousFiles(t *testing.T) {
	if len(malicious) < 40 {
		t.Errorf("%d files, want at least 40", len(malicious))
	}
	for _, c := range malicious {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "m.onnx")
			if err := os.WriteFile(file, c.file(), 0o644); err != nil {
				t.Fatal(err)
			}
			got := loadInChild(t, file)
			if got.by != c.by || got.kind != c.kind {
				t.Errorf("%s: got %+v, want %s to refuse it with %s", c.why, got, c.by, c.kind)
			}
			t.Logf("%s: %v (processor %v), %d MiB: %s", got.by, got.clock, got.took, got.memory>>20, got.text)
			if got.took > maliceTime || got.memory > maliceMemory {
				t.Errorf("%s: took %v and %d MiB, want less than %v and %d MiB", c.why, got.took, got.memory>>20, maliceTime, maliceMemory>>20)
			}
		})
	}
}

// verdict is what a child found.
type verdict struct {
	by, kind, text string
	took, clock    time.Duration // processor time of the whole child; time that loading and verifying took
	memory         int64
}

func loadInChild(t *testing.T, file string) verdict {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childFile+"="+file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the child failed: %v\n%s", err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	parts := strings.SplitN(line, "|", 5)
	if len(parts) != 5 {
		t.Fatalf("the child said %q", line)
	}
	took, err := time.ParseDuration(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	memory, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	// The bar is one second on a machine of its own. Processor time is held to it,
	// so that neighbours on a busy machine do not fail the test; the clock is shown.
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return verdict{by: parts[0], kind: parts[1], took: spent, clock: took, memory: memory, text: parts[4]}
}

// TestChild is the child's part; without the variable there is nothing to do.
func TestChild(t *testing.T) {
	file := os.Getenv(childFile)
	if file == "" {
		return
	}
	start := time.Now()
	by := "Load"
	m, err := Load(file)
	if err == nil {
		by = "Verify"
		err = m.Verify()
	}
	if err == nil {
		by = "Schema"
		err = m.VerifyLevel(LevelRunnable)
	}
	took := time.Since(start)
	kind := fmt.Sprintf("%T", err)
	if broken := (*FormatError)(nil); errors.As(err, &broken) {
		kind = format
	} else if big := (*UnsupportedError)(nil); errors.As(err, &big) {
		kind = unsupported
	}
	fmt.Printf("%s|%s|%v|%d|%v\n", by, kind, took, peakMemory(), err)
}

// peakMemory is this process's largest resident set, as Linux tells it; elsewhere
// what the Go runtime has from the system, which is more. (The parent cannot see
// it: wait4 counts the parent's own pages, too, from before the exec.)
func peakMemory() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
		var kib int64
		if _, err := fmt.Sscan(after, &kib); err == nil {
			return kib << 10
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys)
}
