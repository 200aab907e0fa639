package safefile_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/internal/safefile"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), []byte("0123456789"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := root.ReadRange("w.bin", 2, 3)
	fmt.Println(string(b), err)
	_, err = root.Open("../w.bin")
	fmt.Println(err)
	// Output:
	// 234 <nil>
	// file "../w.bin": the name leads upwards; external data must lie beside the model
}
