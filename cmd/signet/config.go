package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/text"
)

// config is what flags, environment and config file say, in this order of
// precedence.
type config struct {
	File     string
	Store    string
	Socket   string
	LogLevel string

	// named tells that the command line names the store.
	named bool

	admin policy.Source
}

// settings names the flags that the environment (SIGNET_STORE) and the config
// file (store:) can give, too. What weakens the device, such as --approve, has
// to stand on the command line, where it is seen.
func settings() []string {
	return []string{"store", "socket", "tcp", "pcsc", "key-file", "passphrase-file", "log-level"}
}

// paths names the settings that are paths. In the config file they have to be
// absolute: what they mean cannot depend on where the program is started.
func paths() []string { return []string{"store", "socket", "key-file", "passphrase-file"} }

func (c *config) addFlags(f *pflag.FlagSet) {
	f.StringVar(&c.File, "config", filepath.Join(xdg.ConfigHome, "signet", "config.yaml"), "config file")
	f.StringVar(&c.Store, "store", defaultStore(), "folder of the device")
	f.StringVar(&c.Socket, "socket", "", "socket of the stream door (default: in $XDG_RUNTIME_DIR/signet, or in the store)")
	f.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
}

func defaultStore() string { return filepath.Join(xdg.DataHome, "signet", "default") }

// load gives every flag that the command line leaves open its value from the
// environment or the config file.
func (c *config) load(cmd *cobra.Command) error {
	flags := cmd.Flags()
	c.named = flags.Changed("store")
	asked := flags.Changed("config")
	if env := os.Getenv("SIGNET_CONFIG"); env != "" && !asked {
		c.File, asked = env, true
	}
	file, err := readConfigFile(c.File, asked)
	if err != nil {
		return err
	}
	for _, name := range settings() {
		flag := flags.Lookup(name)
		if flag == nil || flag.Changed {
			continue
		}
		from, env := c.File+": "+name, "SIGNET_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value, ok := file[name]
		if v := os.Getenv(env); v != "" {
			from, value, ok = env, v, true
		}
		if !ok {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	if c.Store, err = filepath.Abs(c.Store); err != nil {
		return err
	}
	_, err = c.logLevel()
	return err
}

// readConfigFile returns the settings of a config file. It may be missing
// unless it was asked for.
func readConfigFile(path string, asked bool) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read config file: %w", err)
	}
	var raw map[string]any
	if err := text.Unmarshal(b, &raw, false); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file := map[string]string{}
	for key, value := range raw {
		if !slices.Contains(settings(), key) {
			return nil, fmt.Errorf("%s: unknown key %q; the keys are %s", path, key, strings.Join(settings(), ", "))
		}
		switch value.(type) {
		case map[string]any, []any, nil:
			return nil, fmt.Errorf("%s: %s: want a single value", path, key)
		}
		file[key] = fmt.Sprint(value)
		if slices.Contains(paths(), key) && !filepath.IsAbs(file[key]) {
			return nil, fmt.Errorf("%s: %s: %s: want an absolute path; ~ and variables are not expanded", path, key, file[key])
		}
	}
	return file, nil
}

func (c *config) logLevel() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return 0, fmt.Errorf("log level %q: want debug, info, warn or error", c.LogLevel)
	}
	return level, nil
}

// logger writes to standard error.
func (c *config) logger() *slog.Logger {
	level, err := c.logLevel()
	if err != nil {
		level = slog.LevelInfo // load has refused what does not parse
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// maxSocketPath is the longest path in bytes of a unix socket that every
// system takes.
const maxSocketPath = 103

// sockets returns the paths of the stream door and of the control socket. The
// default store's are in the user's runtime folder; those of any other store,
// or where there is no such folder, are in the store. Never in /tmp: others
// could be there first. Those of another user's store are an error.
func (c *config) sockets() (stream, control string, err error) {
	if err := c.checkUser(); err != nil {
		return "", "", err
	}
	dir := c.Store
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); runtime != "" && c.Store == defaultStore() {
		dir = filepath.Join(runtime, "signet")
	}
	stream, control = filepath.Join(dir, "ctap.sock"), filepath.Join(dir, "control.sock")
	if c.Socket != "" {
		if stream, err = filepath.Abs(c.Socket); err != nil {
			return "", "", err
		}
	}
	for _, path := range []string{stream, control} {
		if len(path) > maxSocketPath {
			return "", "", fmt.Errorf("socket path %s is longer than %d bytes: choose a shorter --store or --socket", path, maxSocketPath)
		}
	}
	return stream, control, nil
}
