package passes_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// outcome is one line of the file that testdata/compare.py reads.
type outcome struct {
	Pass, In, Out, Error string
	Changed              int
}

// TestWriteTransformed applies each pass to every model below
// AAT_ONNX_PASSES_IN and writes the results below AAT_ONNX_PASSES_OUT, for
// testdata/compare.py, which runs both in ONNX Runtime. Without the variables it
// does nothing.
func TestWriteTransformed(t *testing.T) {
	in, out := os.Getenv("AAT_ONNX_PASSES_IN"), os.Getenv("AAT_ONNX_PASSES_OUT")
	if in == "" || out == "" {
		return
	}
	log, err := os.Create(filepath.Join(out, "outcomes.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	enc := json.NewEncoder(log)
	err = filepath.WalkDir(in, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".onnx") {
			return err
		}
		for _, v := range variants() {
			rel, _ := filepath.Rel(in, path)
			if err := enc.Encode(transform(v, path, filepath.Join(out, v.name, rel))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// variant is a list of passes under a name.
type variant struct {
	name   string
	passes []passes.Pass
}

func variants() []variant {
	var list []variant
	for _, p := range passes.All() {
		list = append(list, variant{p.Name, []passes.Pass{passes.Repair(), p}})
	}
	for _, target := range []int64{13, 17, 18, 21, 23} {
		list = append(list, variant{fmt.Sprintf("opset%d", target), []passes.Pass{passes.Repair(), passes.ConvertOpset(target)}})
	}
	fused := append(append([]passes.Pass{passes.Repair(), passes.DeadNodes(), passes.Inline(nil), passes.ConvertOpset(23)}, passes.Cleanup()[2:]...), passes.LayerNorm(), passes.GELU(), passes.Attention())
	return append(list, variant{"cleanup", passes.Cleanup()}, variant{"fused23", fused})
}

func transform(v variant, from, to string) outcome {
	o := outcome{Pass: v.name, In: from}
	m, err := gs.Load(from)
	var condition *passes.ConditionError
	if err == nil {
		var report passes.Report
		report, err = passes.RunFixed(m, 4, v.passes...)
		o.Changed = report.Changed()
	}
	if err == nil && o.Changed > 0 {
		if err = os.MkdirAll(filepath.Dir(to), 0o755); err == nil {
			o.Out, err = to, m.SaveForce(to)
		}
	}
	if errors.As(err, &condition) && !condition.After {
		o.Changed = 0 // an opset that is above the target, say
		return o
	}
	if err != nil {
		o.Error = err.Error()
	}
	return o
}
