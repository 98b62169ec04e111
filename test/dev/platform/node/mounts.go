package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctls are kernel settings that the kubelet requires. They belong to the whole
// machine, so that files with these values are mounted over them instead.
var sysctls = map[string]string{
	"kernel/keys/root_maxbytes": "25000000",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
}

// setUpMounts mounts what a node needs in this process's mount namespace, so that
// no component writes to the machine's own directories.
func (c Config) setUpMounts() error {
	// Mounts no longer propagate to the machine's namespace.
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}

	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}

	if err := mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	// Before /var is covered: the run directory may be in it.
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

// coverWithOverlay leaves a directory of the root readable, and keeps what is
// written to it in memory. That is little: directories for large data are mounted
// on top.
func coverWithOverlay(dir string) error {
	upper, work := "/run/overlay/"+dir+"/upper", "/run/overlay/"+dir+"/work"
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("cannot make a directory: %w", err)
		}
	}

	return mount("overlay", "/"+dir, "overlay", 0, "lowerdir=/"+dir+",upperdir="+upper+",workdir="+work)
}

// bindStateDirs mounts the directories for data of the components on disk.
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
	// Volumes that the kubelet mounts must become visible in containers.
	return mount("", "/var/lib/kubelet", "", unix.MS_SHARED, "")
}

// mountSys mounts the /sys of the new network and cgroup namespaces.
func (c Config) mountSys() error {
	_ = unix.Unmount("/sys", unix.MNT_DETACH) // it may be several mounts, or none

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

// bind mounts a directory at another path, which it creates.
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
