package main

import (
	"github.com/seed-77d61853/signet/cmd/signet/internal/console"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// What init offers, and what each choice means when something is lost.

// chipOptions lists the roots that not every machine has.
func chipOptions(chip, keyring bool) (options []console.Option) {
	if chip {
		options = append(options, console.Option{Name: store.RootTPM, Text: `The TPM of this machine. Keys are made in it, never leave it, and it counts the PIN
tries itself. The only root that stands against whoever has the disk.
Lost or stolen disk:  useless without this machine's TPM.
Broken disk:          the passkeys are gone.
Cleared TPM, broken or lost machine: the passkeys are gone. Whoever has the machine
                      has eight tries at the PIN.`})
	}
	if keyring {
		options = append(options, console.Option{Name: store.RootKeyring, Text: `An encrypted file whose key lies in the keyring of your desktop session.
Lost or stolen disk:  whoever has it must guess your keyring's password.
Broken disk:          the passkeys are gone, unless you kept copies of folder and keyring.
Lost machine, off:    as a lost disk. On: every program of yours can use them.
Deleted keyring:      the passkeys are gone.`})
	}
	return options
}

func fileOptions() []console.Option {
	return []console.Option{
		{Name: store.UnlockPassphrase, Text: `An encrypted file, opened by a passphrase that you type at each start.
Lost or stolen disk:  whoever has it must guess the passphrase.
Broken disk:          the passkeys are gone, unless you kept a copy of the folder.
Lost machine, off:    as a lost disk. On: whoever is you or root on it can use them.
Forgotten passphrase: the passkeys are gone.`},
		{Name: store.UnlockKeyFile, Text: `An encrypted file, opened by a key file elsewhere on this machine, so that the
device starts without anybody there.
Lost or stolen disk:  if the key file is on it, only the PIN protects the passkeys
                      that ask for one, and a PIN of six digits is guessed in hours.
Broken disk:          the passkeys are gone, unless you kept copies of both.
Lost machine:         as a lost disk, and on it you or root can use them.
Lost key file:        the passkeys are gone.`},
	}
}

func profileOptions() []console.Option {
	return []console.Option{
		{Name: "security-key", Text: `A security key, as on USB: the client asks for the PIN, you agree to each use.
The usual choice.`},
		{Name: "platform", Text: `The authenticator of this machine itself: it asks for the PIN itself, always
verifies you, and lets you choose among accounts.`},
	}
}

func copyableOptions(root string) []console.Option {
	stay := `They stay on this device, and sites are told so. Copies of the folder still open
with what opens it now: this root cannot prevent that.`
	leave := `They may be backed up and restored elsewhere, and sites are told so.`
	if root == store.RootTPM {
		stay = `They stay in this machine's TPM, and sites are told so.`
		leave += `
The TPM then seals their keys; it does not make them, and they are in memory while
they sign.`
	}
	return []console.Option{{Name: "no", Text: stay}, {Name: "yes", Text: leave}}
}
