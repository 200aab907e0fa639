package atomicfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/internal/atomicfile"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "labels.txt")
	fmt.Println(atomicfile.WriteFile(path, []byte("owl\n"), atomicfile.Options{}))
	err = atomicfile.WriteFile(path, []byte("jay\n"), atomicfile.Options{})
	var exists *atomicfile.ExistsError
	fmt.Println(errors.As(err, &exists))
	// Output:
	// <nil>
	// true
}
