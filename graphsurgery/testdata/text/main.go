// Command text answers agree.py: it reads a JSON object a line, {"model": base64}
// or {"text": ...}, and writes the other one, or {"error": ...}.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

type message struct {
	Model []byte `json:"model,omitempty"`
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := json.NewEncoder(os.Stdout)
	for in.More() {
		var m message
		if err := in.Decode(&m); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(answer(m)); err != nil {
			log.Fatal(err)
		}
	}
}

func answer(m message) message {
	if m.Text == "" {
		model, err := graphsurgery.Parse(m.Model)
		if err != nil {
			return message{Error: err.Error()}
		}
		return message{Text: model.Text()}
	}
	model, err := graphsurgery.ParseText(m.Text)
	if err != nil {
		return message{Error: err.Error()}
	}
	data, err := model.Bytes()
	if err != nil {
		return message{Error: err.Error()}
	}
	return message{Model: data}
}
