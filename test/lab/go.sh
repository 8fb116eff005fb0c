# go.sh: how the lab's Go programs are built. Sourced by who builds one; an input of its part, as it defines it.
#
# What compiles soonest, as no test waits for what these compute: not optimised, nothing for debuggers, and a compiler that collects no
# garbage below a GiB. Half the time. The same for all of them, so that the standard library is compiled once.
export CGO_ENABLED=0 GOGC=off GOMEMLIMIT=1GiB
export GOFLAGS="-buildvcs=false '-gcflags=all=-N -l -dwarf=false -c=1' '-ldflags=-s -w'"
