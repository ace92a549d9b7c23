//! The help of the program itself; modules bring their own.

/// Printed by `mig` and `mig help`.
pub const TEXT: &str = "\
mig asks a question of many machines and prints what they answer.

usage: mig MODULE [global options] [module options]
       mig -i ACTION.json [global options]
       mig MODULE help          the module's own options
       mig -V                   version

global options, before the module's own:
  -t TARGET     agents to ask: a condition, a macro of the configuration, or
                `local` to run the module here; default: status='online'
  -target-found ID, -target-notfound ID
                only agents that found something, or nothing, in that action
  -e DURATION   how long the action is valid; default 300s
  -n NAME       name of the action; default: the command line
  -show MODE    found (default), notfound or all
  -i FILE       launch an action from a file; signatures in it are kept
  -p            print the unsigned action and stop
  -s            print the signed action and stop
  -z            compress the parameters
  -c FILE       configuration; default ~/.migrc
  -now          skip the countdown before the launch
  -exit-code    exit with 3 when nothing is found
  -v            show requests and answers

exit status: 0 done; 1 usage, key or network; 2 some agents failed, refused or
expired; 3 nothing found (with -exit-code); 130 interrupted
";
