// Command scoredoc runs onnx-go's test cases here, on xla:cpu and on the Go backend,
// and on onnx-go's own back end, and writes a section of docs/conformance.md: make
// conformance.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/aat-onnx/aat-onnx/importer/onnxgo/internal/score"
	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

func main() {
	pjrt.MaybeRunProbe()
	out := flag.String("o", "", "where the section goes")
	flag.Parse()
	if err := report(*out); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func report(out string) error {
	var sides []side
	for _, spec := range []string{"xla:cpu", "go"} {
		device, _, err := pjrt.Open(context.Background(), spec, pjrt.OpenOptions{})
		if err != nil {
			return err
		}
		sides = append(sides, side{"onnxgo on " + spec, score.Ours(device)})
		device.Finalize()
	}
	sides = append(sides, side{"gorgonnx, onnx-go's own", score.Gorgonnx()})
	var text bytes.Buffer
	write(&text, sides, score.Reasons())
	return atomicfile.WriteFile(out, text.Bytes(), atomicfile.Options{Force: true})
}
