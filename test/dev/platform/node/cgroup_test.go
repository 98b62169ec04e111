package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCgroups(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason  string
		mounts  string
		own     string
		want    Cgroups
		wantErr bool
	}{
		"V1": {
			reason: "Each hierarchy has a group below that of this process.",
			mounts: `30 20 0:25 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
31 20 0:26 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 20 0:27 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
33 20 0:28 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
34 20 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`,
			own: "4:name=systemd:/\n3:pids:/\n2:memory:/user/1\n1:cpu:/\n0::/\n",
			want: Cgroups{
				Name:        "x",
				Hierarchies: []string{"name=systemd", "pids", "memory", "cpu"},
				Dirs: []string{
					"/sys/fs/cgroup/systemd/x", "/sys/fs/cgroup/pids/x", "/sys/fs/cgroup/memory/user/1/x", "/sys/fs/cgroup/cpu/x",
				},
			},
		},
		"V1InAContainer": {
			reason: "The mounts of a container begin at its own groups, and a hierarchy may have two controllers.",
			mounts: `30 20 0:25 /docker/1 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct
31 20 0:26 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
32 20 0:27 /docker/1 /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids
`,
			own: "3:pids:/docker/1\n2:memory:/docker/1/sub\n1:cpu,cpuacct:/docker/1\n",
			want: Cgroups{
				Name:        "x",
				Hierarchies: []string{"pids", "memory", "cpu,cpuacct"},
				Dirs:        []string{"/sys/fs/cgroup/pids/x", "/sys/fs/cgroup/memory/sub/x", "/sys/fs/cgroup/cpu,cpuacct/x"},
			},
		},
		"V1Incomplete": {
			reason:  "Pods cannot be limited without the memory controller.",
			mounts:  "30 20 0:25 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
			own:     "1:cpu:/\n",
			wantErr: true,
		},
		"V2": {
			reason: "The one hierarchy has the node's group at the top.",
			mounts: "30 20 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			own:    "0::/user.slice/session-1.scope\n",
			want:   Cgroups{Name: "x", Unified: true, Dirs: []string{"/sys/fs/cgroup/x"}},
		},
		"None": {
			reason:  "The kubelet needs cgroups.",
			mounts:  "22 1 8:1 / / rw - ext4 /dev/sda rw\n",
			own:     "0::/\n",
			wantErr: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, err := parseCgroups("x", tc.mounts, tc.own)
			if (err != nil) != tc.wantErr {
				t.Fatalf("%s\nparseCgroups(): error %v", tc.reason, err)
			}

			if tc.wantErr {
				return
			}

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nparseCgroups(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestRemoveGroups(t *testing.T) {
	t.Parallel()

	dir := filepath.Join(t.TempDir(), "group")
	if err := os.MkdirAll(filepath.Join(dir, "kubepods", "pod"), 0o750); err != nil {
		t.Fatal(err)
	}

	for range 2 { // removing groups that are gone is no error
		if err := (Cgroups{Dirs: []string{dir}}).Remove(); err != nil {
			t.Errorf("Remove(): %v", err)
		}
	}

	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("Remove(): left %s, error %v", dir, err)
	}
}

// FuzzParseCgroups checks that only groups of the node's name are removed, whatever
// is mounted.
func FuzzParseCgroups(f *testing.F) {
	f.Add("30 20 0:25 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n", "0::/user.slice\n")
	f.Add("30 20 0:25 /a /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", "1:cpu:/a/../b\n")

	f.Fuzz(func(t *testing.T, mounts, own string) {
		c, err := parseCgroups("x", mounts, own)
		if err != nil {
			return
		}

		for _, dir := range c.Dirs {
			if filepath.Base(dir) != "x" {
				t.Errorf("parseCgroups(%q, %q): %s", mounts, own, dir)
			}
		}
	})
}
