using System;
using System.Collections.Generic;

class Orders
{
    static void Connect() { throw new TimeoutException("no answer from db.example.com"); }

    static void Load()
    {
        try { Connect(); }
        catch (TimeoutException error) { throw new InvalidOperationException("could not load", error); }
    }

    static void Info(string text) { Console.Error.WriteLine("2024-11-21 02:45:39.123 [INF] " + text); }

    static void Main(string[] arguments)
    {
        Info("starting");
        try { Load(); } catch (Exception error) { Console.Error.WriteLine(error); }
        Info("several");
        var list = new List<Exception> { new ArgumentException("one\nof two lines"), new FormatException("two") };
        Console.Error.WriteLine(new AggregateException("all failed", list));
        Info("at the end");
        Load();
    }
}
