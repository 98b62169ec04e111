package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctls are settings of the whole machine that the kubelet insists on. It is
// shown files that hold what it wants, and leaves the machine alone.
var sysctls = map[string]string{
	"kernel/keys/root_maxbytes": "25000000",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
}

// setUpMounts gives this process's mount namespace what a node needs, so that
// none of the components writes to the machine's own directories.
func (c Config) setUpMounts() error {
	// From here on, mounts are nobody else's business.
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}

	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}

	if err := mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	// Before /var is covered, as the run directory may be in it.
	if err := bind(c.RunDir, innerDir); err != nil {
		return err
	}

	if err := bind(c.LogDir, innerLog); err != nil {
		return err
	}

	for _, dir := range []string{"var", "opt"} {
		if err := coverWithOverlay(dir); err != nil {
			return err
		}
	}

	if err := c.bindStateDirs(); err != nil {
		return err
	}

	if err := c.mountSys(); err != nil {
		return err
	}

	return bindSysctls()
}

// coverWithOverlay keeps a directory of the root readable, and what is written
// to it in memory. That is little: what is large is mounted on top.
func coverWithOverlay(dir string) error {
	upper, work := "/run/overlay/"+dir+"/upper", "/run/overlay/"+dir+"/work"
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("cannot make a directory: %w", err)
		}
	}

	return mount("overlay", "/"+dir, "overlay", 0, "lowerdir=/"+dir+",upperdir="+upper+",workdir="+work)
}

// bindStateDirs puts what the components keep on disk where they look for it.
func (c Config) bindStateDirs() error {
	for _, d := range []struct{ from, to string }{
		{innerDir + "/containerd", "/var/lib/containerd"},
		{innerDir + "/kubelet", "/var/lib/kubelet"},
		{innerLog + "/pods", "/var/log/pods"},
	} {
		if err := os.MkdirAll(d.from, 0o755); err != nil {
			return fmt.Errorf("cannot make a directory: %w", err)
		}

		if err := bind(d.from, d.to); err != nil {
			return err
		}
	}
	// Volumes that the kubelet mounts must show up in containerd's containers.
	return mount("", "/var/lib/kubelet", "", unix.MS_SHARED, "")
}

// mountSys replaces /sys by one of the new network and cgroup namespaces.
func (c Config) mountSys() error {
	_ = unix.Unmount("/sys", unix.MNT_DETACH) // it may not be one mount, nor be mounted at all

	if err := mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return err
	}

	if c.Cgroups.Unified {
		return mountV2()
	}

	return c.Cgroups.mountV1()
}

func bindSysctls() error {
	for name, value := range sysctls {
		file := "/run/sysctl/" + strings.ReplaceAll(name, "/", "_")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("cannot make a directory: %w", err)
		}

		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return fmt.Errorf("cannot write a setting: %w", err)
		}

		if err := mount(file, "/proc/sys/"+name, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}

	return nil
}

// bind shows a directory in another place, which it makes.
func bind(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("cannot make a mount point: %w", err)
	}

	return mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
}

func mount(source, target, fstype string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("cannot mount %s on %s: %w", source, target, err)
	}

	return nil
}
