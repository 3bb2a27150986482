package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
)

func newInfo(c *config) *cobra.Command {
	var f ownerFlags
	var roots bool
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Show what the device says of itself",
		Long: `Info asks the running device through its stream door what it is and can do
(authenticatorGetInfo, CTAP 2.3 §6.4), as every client does first.

With --attestation-roots it prints instead, in PEM, the certificates that attestation of
this installation leads to: that of packed statements with a chain, and of a device on a
TPM then that of the format tpm. A site that was told them can tell that a passkey was
made here. It opens the device itself where none runs.`,
		Example: `  signet info
  signet info --json
  signet info --socket /run/user/1000/signet/ctap.sock
  signet info --attestation-roots > roots.pem`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if roots {
				return f.asOwner(cmd, c, writeAttestationRoots)
			}
			socket, status, err := runningDoor(cmd.Context(), c)
			if err != nil {
				return err
			}
			info, err := getInfo(cmd.Context(), socket)
			if err != nil {
				return err
			}
			if f.JSON {
				return writeJSON(cmd.OutOrStdout(), newInfoJSON(info, status))
			}
			return writeInfo(cmd.OutOrStdout(), info, status)
		},
	}
	f.rootAccess.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&f.JSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&roots, "attestation-roots", false, "print the certificates that this installation's attestation leads to")
	return cmd
}

func writeAttestationRoots(ctx context.Context, o *owner) error {
	roots, err := o.AttestationRoots(ctx)
	if err != nil {
		return err
	}
	var all []string
	for _, der := range roots {
		all = append(all, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	if o.flags.JSON {
		return writeJSON(o.cmd.OutOrStdout(), map[string][]string{"attestation_roots": all})
	}
	_, err = io.WriteString(o.cmd.OutOrStdout(), strings.Join(all, ""))
	return err
}

// runningDoor finds the stream door of the running daemon, and what the daemon
// tells of itself: nothing where only a door is named.
func runningDoor(ctx context.Context, c *config) (socket string, status *daemon.Status, err error) {
	stream, control, err := c.sockets()
	if err != nil {
		return "", nil, err
	}
	s, err := daemon.ReadStatus(ctx, control)
	switch {
	case errors.Is(err, daemon.ErrNotRunning) && c.Socket != "":
		return stream, new(daemon.Status), nil // a door is named: that of some other store
	case err != nil:
		return "", nil, c.absent(err)
	}
	for _, d := range s.Doors {
		if d.Name == doorStream && c.Socket == "" {
			stream = d.Address
		}
	}
	return stream, s, nil
}

func getInfo(ctx context.Context, socket string) (*ctap.GetInfoResponse, error) {
	channel, err := dialStream(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer channel.Close()
	return client.New(channel).GetInfo(ctx)
}

// writeInfo prints what getInfo says, with a word on what it means.
func writeInfo(w io.Writer, info *ctap.GetInfoResponse, status *daemon.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	list := func(name string, values []string) {
		if len(values) > 0 {
			row(name, "%s", strings.Join(values, " "))
		}
	}
	number := func(name string, n uint64, unit string) {
		if n > 0 {
			row(name, "%s", strings.TrimSpace(fmt.Sprint(n, " ", unit)))
		}
	}
	list("versions", info.Versions)
	row("AAGUID", "%s", formatAAGUID(info.AAGUID))
	number("firmware", info.FirmwareVersion, "")
	list("transports", info.Transports)
	list("extensions", info.Extensions)
	list("algorithms", algorithmNames(info.Algorithms))
	list("in the chip", status.InChip)
	list("attestation", info.AttestationFormats)
	list("options on", optionList(info.Options, true))
	list("options off", optionList(info.Options, false))
	row("PIN", "%s", clientPINText(info))
	if long := info.LongTouchForReset; long != nil && *long {
		row("reset", "%s", "takes a long touch: on a terminal, a word typed in full")
	}
	number("message size", info.MaxMsgSize, "bytes")
	number("credential list", info.MaxCredentialCountInList, "at once")
	number("credential ID", info.MaxCredentialIDLength, "bytes")
	number("large blobs", info.MaxSerializedLargeBlobArray, "bytes")
	number("credBlob", info.MaxCredBlobLength, "bytes")
	if n := info.RemainingDiscoverableCredentials; n != nil {
		row("room for", "%d more discoverable passkeys", *n)
	}
	if status.Approve != "" {
		row("consent", "%s", approveText(status.Approve))
	}
	return errors.Join(t.Flush(), writePolicy(w, status.Policy))
}

func algorithmNames(params []ctap.PubKeyParam) (names []string) {
	for _, p := range params {
		names = append(names, p.Alg.String())
	}
	return names
}

// optionList names the options that are on, or off, in order.
func optionList(options map[string]bool, on bool) (list []string) {
	for name, value := range options {
		if value == on {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

func clientPINText(info *ctap.GetInfoResponse) string {
	set, has := info.Options["clientPin"]
	text := "not through clients"
	switch {
	case set:
		text = "set"
	case has:
		text = "not set"
	}
	if info.MinPINLength > 0 {
		text += fmt.Sprintf(", at least %d characters", info.MinPINLength)
	}
	if info.ForcePINChange {
		text += ", must be changed"
	}
	return text
}
