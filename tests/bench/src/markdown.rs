//! Tables in Markdown, so that they can go into a document as they are.

/// Prints a table below its title; each row has as many fields as the head.
pub fn print(title: &str, head: &[&str], rows: Vec<Vec<String>>) {
    let head = head.iter().map(|field| (*field).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let widths = widths(&rows);
    println!("\n## {title}\n");
    for (number, row) in rows.iter().enumerate() {
        let padded = row.iter().zip(&widths).map(|(field, width)| format!(" {field:<width$} |"));
        println!("|{}", padded.collect::<String>());
        if number == 0 {
            let rule = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2)));
            println!("|{}", rule.collect::<String>());
        }
    }
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |row: &[String], column: usize| row.get(column).map_or(0, |field| field.chars().count());
    let widest = |column| rows.iter().map(|row| width(row, column)).max().unwrap_or(0);
    (0..columns).map(widest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_field() {
        let rows = [vec!["a".to_owned(), "grün".to_owned()], vec!["ab".to_owned(), String::new()]];
        assert_eq!(widths(&rows), [2, 4]);
    }
}
