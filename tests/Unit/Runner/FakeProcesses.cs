using System.IO.Pipelines;
using System.Text;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

/// <summary>Programs that the test plays: what they were started with, what they say, when they end.</summary>
internal sealed class FakeProcesses(Action<FakeProcess> onStart) : IProcessRunner
{
    public List<FakeProcess> Started { get; } = [];

    public IRunningProcess Start(ProcessCommand command)
    {
        var process = new FakeProcess(command);
        Started.Add(process);
        onStart(process);
        return process;
    }
}

internal sealed class FakeProcess(ProcessCommand command) : IRunningProcess
{
    private readonly Pipe _output = new();
    private readonly Pipe _error = new();
    private readonly TaskCompletionSource<int> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ProcessCommand Command => command;

    public TextReader Output => field ??= new StreamReader(_output.Reader.AsStream());

    public TextReader Error => field ??= new StreamReader(_error.Reader.AsStream());

    public Task<int> Exit => _exit.Task;

    public List<string> Signals { get; } = [];

    public Action OnInterrupt { get; set; } = () => { };

    public string Argument(string flag) => command.Arguments[command.Arguments.ToList().IndexOf(flag) + 1];

    public FakeProcess Say(string output = "", string error = "")
    {
        _output.Writer.Write(Encoding.UTF8.GetBytes(output));
        _error.Writer.Write(Encoding.UTF8.GetBytes(error));
        return this;
    }

    public void End(int code)
    {
        _output.Writer.Complete();
        _error.Writer.Complete();
        _exit.TrySetResult(code);
    }

    public void Interrupt()
    {
        Signals.Add("INT");
        OnInterrupt();
    }

    public void Kill()
    {
        Signals.Add("KILL");
        End(137);
    }

    public void Dispose()
    {
    }
}

file static class PipeWriterExtensions
{
    public static void Write(this PipeWriter writer, byte[] bytes)
    {
        bytes.CopyTo(writer.GetSpan(bytes.Length + 1));
        writer.Advance(bytes.Length);
        writer.FlushAsync().AsTask().GetAwaiter().GetResult();
    }
}
