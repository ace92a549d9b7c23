//! The bridge from `tracing` to a destination.

use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::destination::{Destination, Output};
use crate::line::Line;
use crate::{LoggingError, Settings, Severity};

/// How the targets of our own events begin. What libraries say is for
/// developers: they call an orderly end of a connection an error, and every
/// failure that matters reaches one of our own lines.
const OURS: &str = "mig";

/// Turns events into lines.
pub(crate) struct LineLayer {
    threshold: Severity,
    output: Mutex<Output>,
}

impl LineLayer {
    pub(crate) fn new(settings: &Settings, program: &str) -> Result<Self, LoggingError> {
        Ok(Self {
            threshold: settings.level,
            output: Mutex::new(Output::new(Destination::open(&settings.mode, program)?)),
        })
    }
}

impl<S> Layer<S> for LineLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut line = Line::default();
            attributes.record(&mut line);
            span.extensions_mut().insert(line);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(line) = span.extensions_mut().get_mut::<Line>()
        {
            values.record(line);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let severity = if event.metadata().target().starts_with(OURS) {
            line.severity
                .unwrap_or(Severity::of(*event.metadata().level()))
        } else {
            Severity::Debug
        };
        if severity > self.threshold {
            return;
        }
        if let Some(scope) = context.event_scope(event) {
            for span in scope {
                if let Some(outer) = span.extensions().get::<Line>() {
                    line.inherit(outer);
                }
            }
        }
        let text = line.render(severity);
        match self.output.lock() {
            Ok(mut output) => output.write(severity, &text),
            // Another thread died while writing; the log is still usable.
            Err(poisoned) => poisoned.into_inner().write(severity, &text),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.threshold.filter())
    }
}
