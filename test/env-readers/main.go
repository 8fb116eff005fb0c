// Reads env files with the parsers of `docker run --env-file` and of Compose, and prints what they make of them, one JSON line a file.
package main

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/docker/cli/pkg/kvfile"
)

type read struct {
	Docker  map[string]string `json:"docker"`
	Compose map[string]string `json:"compose"`
	Errors  []string          `json:"errors"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, path := range os.Args[1:] {
		r := read{Docker: map[string]string{}, Errors: []string{}}
		lines, err := kvfile.Parse(path, nil)
		if err != nil {
			r.Errors = append(r.Errors, "docker: "+err.Error())
		}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, "=")
			r.Docker[name] = value
		}
		// Compose reads an env_file with what the shell has for $NAME: here, nothing.
		r.Compose, err = dotenv.ReadWithLookup(func(string) (string, bool) { return "", false }, path)
		if err != nil {
			r.Errors = append(r.Errors, "compose: "+err.Error())
		}
		if err := out.Encode(r); err != nil {
			panic(err)
		}
	}
}
