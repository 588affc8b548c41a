using System.CommandLine;
using Slipway;
using Slipway.Runner;

// One program, several faces: the operator, and what its Jobs run.
var root = new RootCommand("Slipway: image builds on farms of rootless BuildKit builders.") { OperatorCommand.Create() };
foreach (var verb in RunnerCommands.All(new ProcessRunner(), Console.Out, TimeProvider.System)) root.Add(verb);

// Every verb answers SIGTERM by itself, and needs longer for it than the two seconds it would be given here.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
