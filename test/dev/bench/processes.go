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

// tick is the unit of a process's processor time in /proc: Linux has a hundred a
// second on all platforms of Go.
const tick = time.Second / 100

// processes are the seconds of processor time that programs have used.
type processes struct {
	at time.Time
	// used is the time of each program of the platform, and of this one.
	used counts
	// busy is the time of all programs of the machine.
	busy float64
}

// self is the name of this program in processes.
const self = "this benchmark"

var errNotLocal = errors.New("the cluster is not on this machine: its processes cannot be measured")

// readProcesses returns the processor time of the processes of a local platform.
func readProcesses(p *platform.Platform) (processes, error) {
	if !p.Local {
		return processes{}, errNotLocal
	}

	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return processes{}, err
	}

	all := make(map[int]process, len(stats))

	for _, file := range stats {
		// A process that has ended meanwhile is left out.
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

// readProcess reads a process's directory in /proc.
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

// parseStat parses the text of /proc/PID/stat. The name of the program is in
// parentheses, and may contain spaces and parentheses itself.
func parseStat(stat string) (process, error) {
	pid, _, _ := strings.Cut(stat, " ")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])

	// The fields from the third on: state, parent, …; the 14th and 15th are the
	// ticks in user and in system mode.
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

// programName returns the name of a program from its command line. The platform's
// Kubernetes and Crossplane are programs with subcommands, which are part of the
// name.
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

// readBusy returns how many seconds the processors of this machine were busy.
func readBusy() (float64, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("cannot read the processor time of the machine: %w", err)
	}

	first, _, _ := strings.Cut(string(b), "\n")

	return parseBusy(first)
}

// parseBusy parses the line of /proc/stat for all processors: ticks by mode.
func parseBusy(line string) (float64, error) {
	busy := 0

	for i, f := range strings.Fields(line) {
		// Left out are the name of the line, idle (4), iowait (5), and the time of
		// guests (from 9), which is part of user time. The others are user, nice,
		// system, interrupts, and time stolen by other virtual machines.
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
