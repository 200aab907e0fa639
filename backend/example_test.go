package backend_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aat-onnx/aat-onnx/backend"
)

// Open the backend in Go, which is always there.
func ExampleOpen() {
	b, info, err := backend.Open(context.Background(), "go")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Finalize()
	fmt.Println(info.Name)
	// Output: go
}
