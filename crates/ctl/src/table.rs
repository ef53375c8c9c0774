use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::plain::plain;

/// Rows in aligned columns, two blanks apart. Cells are made harmless as they are added.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a header.
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        let mut table = Self::default();
        table.row(header);
        table
    }

    /// Adds a row; an empty cell is shown as `-`.
    pub(crate) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(
            cells
                .into_iter()
                .map(|cell| if cell.is_empty() { "-".to_owned() } else { plain(cell) })
                .collect(),
        );
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        widths
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let last = row.len().saturating_sub(1);
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column == last { 0 } else { width.saturating_sub(cell.width()) + 2 };
                write!(f, "{cell}{:gap$}", "")?;
            }
        }
        Ok(())
    }
}
