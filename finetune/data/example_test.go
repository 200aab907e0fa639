package data_test

import (
	"encoding/binary"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"

	"github.com/aat-onnx/aat-onnx/audio"
	"github.com/aat-onnx/aat-onnx/finetune/data"
)

// A folder whose sub-folders are the labels is enough to begin with.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "recordings")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for i := range 10 {
		record(filepath.Join(dir, "low", fmt.Sprintf("%d.wav", i)), 200+float64(i))
		record(filepath.Join(dir, "high", fmt.Sprintf("%d.wav", i)), 4000+float64(i))
	}

	set, err := data.Open(dir, data.Options{
		FrontEnd: audio.FrontEnd{Kind: "ast", SampleRate: 16000, MelBins: 32, Frames: 64, Mean: -4, Std: 4},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("labels:", set.Labels)
	for _, split := range data.Splits() {
		fmt.Printf("%s: %d recordings\n", split, set.Count(split))
	}
	fmt.Println("skipped:", len(set.Skipped), "warnings:", len(set.Warnings))
	// Output:
	// labels: [high low]
	// train: 12 recordings
	// val: 4 recordings
	// test: 4 recordings
	// skipped: 0 warnings: 0
}

// record writes a tenth of a second of a tone as a WAV file.
func record(path string, hz float64) {
	const n = 1600
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00")
	binary.LittleEndian.PutUint32(b[4:], 36+2*n)
	binary.LittleEndian.PutUint32(b[40:], 2*n)
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(8000*math.Sin(2*math.Pi*hz*float64(i)/16000))))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		log.Fatal(err)
	}
}
