package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/test/dev/platform"
)

// tick is the unit in which the kernel tells of a process's time: Linux has a
// hundred a second wherever Go runs.
const tick = time.Second / 100

// processes are the seconds of processor time that programs have used so far.
type processes struct {
	at time.Time
	// used by each program of the platform, and by this one.
	used counts
	// busy is what all programs of the machine have used.
	busy float64
}

// self is what this program is called among the others.
const self = "this benchmark"

var errNotHere = errors.New("the cluster runs elsewhere: its processes cannot be seen")

// readProcesses returns what the processes of a local platform have used.
func readProcesses(p *platform.Platform) (processes, error) {
	if !p.Local {
		return processes{}, errNotHere
	}

	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return processes{}, err
	}

	all := make(map[int]process, len(stats))

	for _, file := range stats {
		// It may have ended.
		if x, err := readProcess(filepath.Dir(file)); err == nil {
			all[x.pid] = x
		}
	}

	r := processes{at: time.Now(), used: counts{}}

	for _, x := range all {
		if x.pid == os.Getpid() {
			r.used[self] += x.used.Seconds()
		}

		for up := x; up.pid != 0; up = all[up.parent] {
			if up.pid == p.DaemonPID {
				r.used[x.name] += x.used.Seconds()

				break
			}
		}
	}

	r.busy, err = readBusy()

	return r, err
}

// process is one process of this machine.
type process struct {
	pid, parent int
	name        string
	used        time.Duration
}

// readProcess reads a directory of /proc.
func readProcess(dir string) (process, error) {
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, err
	}

	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return process{}, err
	}

	x, err := parseStat(string(b))
	x.name = programName(string(cmdline))

	return x, err
}

// parseStat reads what the kernel says of a process. The name of its program
// stands in brackets, and may hold blanks and brackets itself.
func parseStat(stat string) (process, error) {
	pid, _, _ := strings.Cut(stat, " ")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])

	// From the third field on: state, parent, …, and as 14th and 15th the ticks
	// in user and in system mode.
	if len(fields) < 13 {
		return process{}, fmt.Errorf("cannot read %q", stat)
	}

	var (
		x            process
		user, system int
		errs         [4]error
	)

	x.pid, errs[0] = strconv.Atoi(pid)
	x.parent, errs[1] = strconv.Atoi(fields[1])
	user, errs[2] = strconv.Atoi(fields[11])
	system, errs[3] = strconv.Atoi(fields[12])
	x.used = time.Duration(user+system) * tick

	return x, errors.Join(errs[:]...)
}

// programName names a program by its command line: the platform's Kubernetes is
// one program that is told which part to be, and so is Crossplane.
func programName(cmdline string) string {
	args := strings.Split(cmdline, "\x00")
	name := filepath.Base(args[0])

	if len(args) > 1 {
		switch name {
		case "kube":
			return args[1]
		case "crossplane":
			return name + " " + args[1]
		}
	}

	return name
}

// readBusy returns how many seconds the processors of this machine have worked.
func readBusy() (float64, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("cannot read what the machine has used: %w", err)
	}

	first, _, _ := strings.Cut(string(b), "\n")

	return parseBusy(first)
}

// parseBusy reads the kernel's line on all processors: ticks by what they did.
func parseBusy(line string) (float64, error) {
	busy := 0

	for i, f := range strings.Fields(line) {
		// The name of the line; then user, nice and system, and after idle and
		// waiting for disks the interrupts, and what others took of the machine.
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}

		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, fmt.Errorf("cannot read %q: %w", line, err)
		}

		busy += n
	}

	return (time.Duration(busy) * tick).Seconds(), nil
}
