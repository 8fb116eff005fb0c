module env-readers

go 1.24

require github.com/docker/cli v29.9.3+incompatible
