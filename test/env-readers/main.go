// Reads env files with the parser of `docker run --env-file`, and prints what it makes of them, one JSON line a file.
package main

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/docker/cli/pkg/kvfile"
)

func main() {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, path := range os.Args[1:] {
		lines, err := kvfile.Parse(path, nil)
		if err != nil {
			panic(err)
		}
		read := map[string]string{}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, "=")
			read[name] = value
		}
		if err := out.Encode(read); err != nil {
			panic(err)
		}
	}
}
