"""The end of the voting as a file for a calendar (RFC 5545, iCalendar)."""

from __future__ import annotations

from datetime import datetime, timedelta

from icalendar import Alarm, Calendar, Event


def deadline_file(referendum: str, closes: datetime, summary: str, url: str) -> bytes:
    """One event at the moment when the voting ends, with a reminder a day before. `closes` is in UTC; `summary` is what
    the calendar shows."""
    reminder = Alarm()
    reminder.add("action", "DISPLAY")
    reminder.add("description", summary)
    reminder.add("trigger", timedelta(days=-1))
    event = Event()
    event.add("uid", f"{referendum}@stembus")
    event.add("dtstamp", closes)  # the same file for everybody, whenever it is fetched
    event.add("dtstart", closes)
    event.add("dtend", closes)
    event.add("summary", summary)
    event.add("url", url)
    event.add_component(reminder)
    calendar = Calendar()
    calendar.add("prodid", "-//Stembus//voting deadline//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return bytes(calendar.to_ical())
